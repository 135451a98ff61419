#include "reconciler/pull.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "engine/base/status.h"
#include "reconciler/git/repository_url.h"

namespace espalier {
namespace {

std::string RulesOf(const v1::GitSourceSpec& spec) {
  return absl::StrCat(spec.path(), "\n", absl::StrJoin(spec.kinds(), ","));
}

}  // namespace

SourcePull::SourcePull(const GitLibrary& library, Io& io, Fetch fetch, std::string dir,
                       std::string secrets_dir, Environment env)
    : io_(io),
      dir_(std::move(dir)),
      secrets_dir_(std::move(secrets_dir)),
      env_(std::move(env)),
      mirror_(library, io, std::move(fetch), absl::StrCat(dir_, "/mirror")) {}

PullResult SourcePull::Pull(const PullRequest& request) {
  PullResult result;
  absl::StatusOr<FetchRequest> fetch = RequestOf(request.spec);
  if (!fetch.ok()) {
    result.fetched = fetch.status();
    return result;
  }
  // A second round only for a mirror that turned out damaged while it was read: it is cloned anew
  // once.
  for (int round = 0; round < 2; ++round) {
    absl::StatusOr<std::string> commit = mirror_.Update(*fetch);
    result.fetched = commit.status();
    if (!commit.ok()) return result;
    result.commit = *std::move(commit);
    result.fetched = LoadHead(request, result);
    if (!absl::IsDataLoss(result.fetched)) return result;
    mirror_.Discard();
  }
  return result;
}

// What stays after a failure is found and removed when a source of this name comes again.
void SourcePull::RemoveFiles() { (void)io_.RemoveAll(dir_); }

absl::StatusOr<FetchRequest> SourcePull::RequestOf(const v1::GitSourceSpec& spec) const {
  FetchRequest request;
  ESPALIER_ASSIGN_OR_RETURN(const RepositoryUrl url, ParseRepositoryUrl(spec.repository()));
  request.url = url.text;
  ESPALIER_ASSIGN_OR_RETURN(request.ref, FullRef(spec.has_ref() ? spec.ref() : "main"));
  request.username = spec.username();
  if (spec.has_password()) {
    ESPALIER_RETURN_IF_ERROR(CheckMayCarryPassword(url));
    ESPALIER_ASSIGN_OR_RETURN(request.password,
                              ResolveSecret(spec.password(), io_, secrets_dir_, env_));
  }
  return request;
}

absl::Status SourcePull::LoadHead(const PullRequest& request, PullResult& result) {
  ESPALIER_ASSIGN_OR_RETURN(const std::unique_ptr<GitTree> tree, mirror_.Open(result.commit));
  result.rewritten = !request.previous.empty() && !tree->Follows(request.previous);
  const std::string rules = RulesOf(request.spec);
  if (head_ == nullptr || head_->commit != result.commit || head_rules_ != rules) {
    ESPALIER_ASSIGN_OR_RETURN(LoadedSet set, set_.Load(*tree, result.commit, request.spec));
    head_ = std::make_shared<const LoadedSet>(std::move(set));
    head_rules_ = rules;
  }
  result.head = head_;
  if (head_->valid() || request.fallback.empty()) return absl::OkStatus();
  absl::StatusOr<LoadedSet> fallback = Load(request.fallback, request.spec);
  if (absl::IsDataLoss(fallback.status())) return fallback.status();
  // A history that was rewritten may have lost it: then there is nothing to fall back on.
  if (fallback.ok() && fallback->valid()) {
    result.fallback = std::make_shared<const LoadedSet>(*std::move(fallback));
  }
  return absl::OkStatus();
}

absl::StatusOr<LoadedSet> SourcePull::Load(const std::string& commit,
                                           const v1::GitSourceSpec& spec) {
  ESPALIER_ASSIGN_OR_RETURN(const std::unique_ptr<GitTree> tree, mirror_.Open(commit));
  return set_.Load(*tree, commit, spec);
}

}  // namespace espalier
