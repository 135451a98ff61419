// C4 of docs/security.md: the engine dies at any step of a large apply, with the step stored or
// not. What comes after it plans again from what is there, as the reconciler does.
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/server/local_resources.h"
#include "engine/store/memory.h"
#include "engine/store/testing/forwarding_store.h"
#include "tests/support/fake_clock.h"

namespace espalier {
namespace {

constexpr int kObjects = 450;

// A store whose process dies at one commit: nothing is answered from then on.
class DyingStore final : public ForwardingStore {
 public:
  // Dies at commit number `dies_at`, counted from 0, after storing it if `stores_it`.
  DyingStore(std::unique_ptr<Store> store, int dies_at, bool stores_it)
      : ForwardingStore(std::move(store)), dies_at_(dies_at), stores_it_(stores_it) {}

  absl::StatusOr<std::int64_t> Commit(const Transaction& transaction) override {
    const int number = commits_++;
    const bool lives = number < dies_at_;
    if (lives) return ForwardingStore::Commit(transaction);
    if (number == dies_at_ && stores_it_) (void)ForwardingStore::Commit(transaction);
    return absl::UnavailableError("the process is gone");
  }

  int commits() const { return commits_; }

 private:
  const int dies_at_;
  const bool stores_it_;
  int commits_ = 0;
};

class ApplyCrashTest : public ::testing::Test {
 protected:
  std::unique_ptr<LocalResources> Open(Store& store) {
    auto engine = LocalResources::Open(clock_, random_, *log_, store, {});
    EXPECT_TRUE(engine.ok()) << engine.status();
    return *std::move(engine);
  }

  static CallContext As(const std::string& operation) {
    CallContext context;
    context.caller.role = Caller::Role::kAdmin;
    context.caller.subject = "git";
    context.operation_id = operation;
    return context;
  }

  static ApplyRequest Set() {
    ApplyRequest request;
    request.mutable_owner()->set_manager(Owner::GIT);
    request.mutable_owner()->set_instance("fleet");
    for (int i = 0; i < kObjects; ++i) {
      Resource& image = *request.add_objects()->mutable_resource();
      image.mutable_metadata()->set_name(absl::StrCat("image-", i));
      image.mutable_image()->mutable_spec()->set_reference("registry.example/macos:1");
    }
    return request;
  }

  // Name -> uid of what is there.
  static std::map<std::string, std::string> Uids(LocalResources& engine) {
    std::map<std::string, std::string> uids;
    Query query;
    query.add_kinds("image");
    do {
      const auto page = engine.List(As(""), query);
      EXPECT_TRUE(page.ok()) << page.status();
      for (const Resource& image : page->items()) {
        uids[image.metadata().name()] = image.metadata().uid();
      }
      query.set_page(page->next_page());
    } while (!query.page().empty());
    return uids;
  }

  FakeClock clock_{FakeClock::Mode::kAutoAdvance};
  Random random_{1};
  const std::unique_ptr<Log> log_ = MakeNullLog();
};

TEST_F(ApplyCrashTest, C4GoesOnAfterACrashAtEveryStepAndMakesNothingTwice) {
  int deaths = 0;
  for (const bool stores_it : {false, true}) {
    for (int step = 0;; ++step) {
      DyingStore before(MakeMemoryStore("e1"), /*dies_at=*/1'000'000, false);
      int commits_of_start = 0;
      {
        const auto engine = Open(before);
        commits_of_start = before.commits();
      }
      DyingStore dying(MakeMemoryStore("e1"), commits_of_start + step, stores_it);
      auto engine = Open(dying);
      const bool died = !engine->Apply(As("first"), Set()).ok();
      const std::map<std::string, std::string> stored = Uids(*engine);
      engine.reset();

      const auto snapshot = dying.Snapshot();
      ASSERT_TRUE(snapshot.ok()) << snapshot.status();
      const std::unique_ptr<Store> store = MakeMemoryStore("e2");
      ASSERT_TRUE(store->Restore(*snapshot).ok());
      engine = Open(*store);
      const absl::StatusOr<ApplyResult> result = engine->Apply(As("second"), Set());
      ASSERT_TRUE(result.ok()) << result.status();
      EXPECT_TRUE(result->applied()) << result->ShortDebugString();
      EXPECT_EQ(result->plan().noops(), stored.size());
      EXPECT_EQ(result->plan().creates(), kObjects - stored.size());
      const std::map<std::string, std::string> now = Uids(*engine);
      EXPECT_EQ(now.size(), static_cast<std::size_t>(kObjects));
      for (const auto& [name, uid] : stored) EXPECT_EQ(now.at(name), uid);
      if (!died) break;
      ++deaths;
    }
  }
  EXPECT_GE(deaths, 8) << "the set is stored in four parts at least";
}

}  // namespace
}  // namespace espalier
