#include "engine/store/test_stores.h"

#include <stdlib.h>

#include <filesystem>

#include "engine/base/check.h"
#include "engine/store/memory.h"
#include "engine/store/sqlite.h"

namespace espalier {

TestGround::TestGround() {
  std::string name = (std::filesystem::temp_directory_path() / "espalier-store-XXXXXX").string();
  ESPALIER_CHECK(mkdtemp(name.data()) != nullptr);
  dir = name;
}

TestGround::~TestGround() {
  std::error_code ignored;
  std::filesystem::remove_all(dir, ignored);
}

std::vector<StoreCase> AllStores() {
  return {
      {.name = "Memory",
       .durable = false,
       .open = [](TestGround&) { return MakeMemoryStore(); }},
      {.name = "Sqlite",
       .durable = true,
       .open =
           [](TestGround& ground) {
             auto store = OpenSqliteStore(*ground.clock, *ground.threads, ground.dir + "/store.db");
             ESPALIER_CHECK(store.ok());
             return std::move(store).value();
           }},
  };
}

}  // namespace espalier
