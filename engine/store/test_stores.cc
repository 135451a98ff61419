#include "engine/store/test_stores.h"

#include <utility>

#include "engine/base/check.h"
#include "engine/store/memory.h"
#include "engine/store/sqlite.h"

namespace espalier {

std::vector<StoreCase> AllStores() {
  return {
      {.name = "Memory", .durable = false, .open = [](TestGround&) { return MakeMemoryStore(); }},
      {.name = "Sqlite",
       .durable = true,
       .open =
           [](TestGround& ground) {
             auto store =
                 OpenSqliteStore(*ground.clock, *ground.threads, ground.dir.path() + "/store.db");
             ESPALIER_CHECK(store.ok());
             return std::move(store).value();
           }},
  };
}

}  // namespace espalier
