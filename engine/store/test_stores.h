// The stores that the conformance suite runs over. To add one: give it a row in AllStores(). For
// tests only.
#pragma once

#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "engine/base/clock.h"
#include "engine/base/executor.h"
#include "engine/store/store.h"
#include "tests/support/temp_dir.h"

namespace espalier {

// What a store is opened on; outlives it.
struct TestGround {
  std::unique_ptr<Clock> clock = MakeRealClock();
  std::unique_ptr<Threads> threads = MakeRealThreads();
  TempDir dir;
};

struct StoreCase {
  std::string name;
  // Whether what is committed is there after opening the same ground again.
  bool durable = false;
  std::unique_ptr<Store> (*open)(TestGround& ground) = nullptr;
};

std::vector<StoreCase> AllStores();

inline void PrintTo(const StoreCase& store, std::ostream* out) { *out << store.name; }

}  // namespace espalier
