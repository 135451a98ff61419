// FakeEngine: an engine for tests of the provider: keeps objects, knows uids and owners, and
// answers as a test tells it. It plans nothing. One thread.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "engine/api/resources.h"
#include "engine/client/remote.h"
#include "engine/model/problem.h"
#include "tests/support/fake_resources.h"

namespace espalier::provider {

class FakeEngine : public Resources, public Remote {
 public:
  // The largest page of a list.
  std::size_t page_size = 500;
  // The next calls of Get, List, Apply or Delete, or about tokens, fail with these, one each.
  std::deque<absl::Status> failures;
  // Problems of the next Apply or Delete.
  std::vector<Problem> problems;
  // Of the calls after that, one each.
  std::deque<std::vector<Problem>> later_problems;
  // Of every plan.
  v1::Capacity capacity;
  // Runs whenever somebody starts to wait for objects.
  std::function<void()> on_watch;
  // Runs once the watch is there.
  std::function<void()> on_watching;
  // Deleted objects stay until a test removes them.
  bool slow_delete = false;

  // What was asked.
  std::vector<ApplyRequest> applies;
  std::vector<DeleteRequest> deletes;
  std::vector<std::string> operation_ids;
  // Of all calls that may fail.
  std::vector<CallContext> contexts;
  std::vector<Query> lists;

  // Tokens that stand, by id.
  std::map<std::string, v1::TokenInfo> tokens;
  // Pulls under way, by host.
  v1::GetProgressResponse progress;
  // Time to live of the last one.
  std::int64_t ttl_seconds = 0;

  FakeResources& objects() { return objects_; }
  // Sets the placement of the VM named build in namespace ci.
  void Place(v1::VmPlacement::Phase phase, const std::string& why);

  Resources& resources() override { return *this; }
  // REQUIRES: not called; a provider is no agent.
  Lease& lease() override;
  Secrets& secrets() override;
  // REQUIRES: not called.
  Audit& audit() override;
  absl::StatusOr<v1::CreateTokenResponse> CreateToken(
      const CallContext& context, const v1::CreateTokenRequest& request) override;
  absl::Status RevokeToken(const CallContext& context, const std::string& id) override;
  absl::StatusOr<v1::ListTokensResponse> ListTokens(const CallContext& context) override;
  absl::StatusOr<v1::GetProgressResponse> GetProgress(const CallContext& context,
                                                      const std::string& host) override;

  absl::StatusOr<Resource> Get(const CallContext& context, const Ref& ref) override;
  absl::StatusOr<ListPage> List(const CallContext& context, const Query& query) override;
  absl::StatusOr<ApplyResult> Apply(const CallContext& context,
                                    const ApplyRequest& request) override;
  std::vector<absl::StatusOr<std::int64_t>> UpdateStatus(
      const CallContext& context, absl::Span<const StatusWrite> writes) override;
  absl::StatusOr<ApplyResult> Delete(const CallContext& context,
                                     const DeleteRequest& request) override;
  absl::StatusOr<std::unique_ptr<Watch>> StartWatch(const CallContext& context, const Query& query,
                                                    const std::string& resume) override;
  absl::StatusOr<DriftReport> Drift(const CallContext& context,
                                    const DriftRequest& request) override;

 private:
  // Remembers the call. The next failure, if there is one.
  absl::Status Fail(const CallContext& context);
  // The problems as an answer; they are told once.
  ApplyResult Answer();

  FakeResources objects_;
};

}  // namespace espalier::provider
