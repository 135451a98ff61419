#include "reconciler/source_reader.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "engine/base/semver.h"
#include "engine/base/status.h"
#include "reconciler/forge/github_app.h"
#include "reconciler/git/change.h"
#include "reconciler/git/git_limits.h"
#include "reconciler/git/history.h"
#include "reconciler/git/merge.h"
#include "reconciler/git/repository_url.h"
#include "reconciler/git/ssh_private_key.h"

namespace espalier {
namespace {

// What the mirror and the parsed files know a proposal by.
std::string NameOf(std::int64_t number) { return absl::StrCat("pull/", number); }

std::string FolderOf(const v1::GitSourceSpec& spec) {
  return spec.path().empty() ? "." : spec.path();
}

// Of a commit that was fetched: if the mirror does not have it, the mirror is what is wrong.
absl::Status Damaged(const absl::Status& status) {
  return absl::IsNotFound(status) ? absl::DataLossError(status.message()) : status;
}

std::string RulesOf(const v1::GitSourceSpec& spec) {
  return absl::StrCat(FolderOf(spec), "\n", absl::StrJoin(spec.kinds(), ","));
}

absl::StatusOr<TagRange> TagsOf(const v1::TagRange& tags) {
  // The range is checked before anything is asked of the repository, the prefix as a ref would be.
  ESPALIER_RETURN_IF_ERROR(Annotate(SemVerRange::Parse(tags.range()).status(), "tags.range"));
  ESPALIER_RETURN_IF_ERROR(Annotate(
      FullRef(absl::StrCat("refs/tags/", tags.prefix(), "1.0.0")).status(), "tags.prefix"));
  return TagRange{.range = tags.range(), .prefix = tags.prefix()};
}

// Where the forge advertises the heads of pull requests.
const char* PullHeadsPrefix(const v1::Forge& forge) {
  switch (forge.type()) {
    case v1::Forge::GITHUB:
    case v1::Forge::GITEA:
      return "refs/pull/";
    case v1::Forge::GITLAB:
      return "refs/merge-requests/";
    default:
      return "";
  }
}

}  // namespace

SourceReader::SourceReader(const GitLibrary& library, Io& io, Fetch fetch, std::string dir,
                           std::string secrets_dir, Environment env, Reveal reveal,
                           AppPassword app_password)
    : io_(io),
      dir_(std::move(dir)),
      secrets_dir_(std::move(secrets_dir)),
      env_(std::move(env)),
      reveal_(std::move(reveal)),
      app_password_(std::move(app_password)),
      mirror_(library, io, std::move(fetch), absl::StrCat(dir_, "/mirror")) {}

ReadResult SourceReader::Read(const ReadRequest& request) {
  ReadResult result;
  absl::StatusOr<FetchRequest> fetch = RequestOf(request.spec);
  if (!fetch.ok()) {
    result.fetched = fetch.status();
    return result;
  }
  // A second round only for a mirror that turned out damaged while it was read: it is cloned anew
  // once.
  for (int round = 0; round < 2; ++round) {
    absl::StatusOr<FetchAnswer> answer = mirror_.Update(*fetch);
    result.fetched = answer.status();
    if (!answer.ok()) return result;
    result.commit = std::move(answer->commit);
    result.ref = std::move(answer->ref);
    result.pull_heads = std::move(answer->pull_heads);
    result.fetched = LoadHead(request, result);
    if (!absl::IsDataLoss(result.fetched)) return result;
    mirror_.Discard();
  }
  return result;
}

// What stays after a failure is found and removed when a source of this name comes again.
void SourceReader::RemoveFiles() { (void)io_.RemoveAll(dir_); }

absl::StatusOr<FetchRequest> SourceReader::RequestOf(const v1::GitSourceSpec& spec) const {
  FetchRequest request;
  ESPALIER_ASSIGN_OR_RETURN(const RepositoryUrl url, ParseRepositoryUrl(spec.repository()));
  request.url = url.text;
  if (spec.has_tags()) {
    if (spec.has_commit()) {
      return absl::InvalidArgumentError("a source follows tags or stays at a commit, not both");
    }
    ESPALIER_ASSIGN_OR_RETURN(request.tags, TagsOf(spec.tags()));
  } else {
    ESPALIER_ASSIGN_OR_RETURN(request.ref, FullRef(spec.has_ref() ? spec.ref() : "main"));
    request.commit = spec.commit();
  }
  request.pull_heads_prefix = PullHeadsPrefix(spec.forge());
  ESPALIER_RETURN_IF_ERROR(url.transport == RepositoryUrl::Transport::kSsh
                               ? AddSshLogin(spec, request)
                               : AddHttpLogin(spec, url, request));
  return request;
}

absl::Status SourceReader::AddSshLogin(const v1::GitSourceSpec& spec, FetchRequest& request) const {
  if (!spec.has_ssh()) {
    return absl::InvalidArgumentError(
        "a repository over ssh needs the source's ssh: private_key and known_hosts");
  }
  if (spec.has_password() || spec.has_proxy() || spec.has_client_certificate() ||
      spec.has_ca_certificates()) {
    return absl::InvalidArgumentError(
        "password, proxy, ca_certificates and client_certificate are for https, not for ssh");
  }
  ESPALIER_ASSIGN_OR_RETURN(request.ssh.private_key, Secret(spec.ssh().private_key()));
  ESPALIER_RETURN_IF_ERROR(CheckSshPrivateKey(request.ssh.private_key));
  request.ssh.known_hosts = spec.ssh().known_hosts();
  return absl::OkStatus();
}

absl::Status SourceReader::AddHttpLogin(const v1::GitSourceSpec& spec, const RepositoryUrl& url,
                                        FetchRequest& request) const {
  if (spec.has_ssh()) {
    return absl::InvalidArgumentError("ssh is for repositories at ssh://user@host/path");
  }
  HttpRoute& route = request.route;
  if (spec.has_proxy()) {
    ESPALIER_RETURN_IF_ERROR(CheckProxyUrl(spec.proxy().url()));
    route.proxy = spec.proxy().url();
    route.proxy_username = spec.proxy().username();
    if (spec.proxy().has_password()) {
      ESPALIER_ASSIGN_OR_RETURN(route.proxy_password, Secret(spec.proxy().password()));
    }
  }
  route.ca_certificates = spec.ca_certificates();
  if (spec.has_client_certificate()) {
    route.client_certificate = spec.client_certificate().certificate();
    ESPALIER_ASSIGN_OR_RETURN(route.client_key, Secret(spec.client_certificate().private_key()));
  }
  request.username = spec.username();
  if (spec.has_password()) {
    ESPALIER_RETURN_IF_ERROR(CheckMayCarryPassword(url, route.proxy));
    ESPALIER_ASSIGN_OR_RETURN(request.password, Secret(spec.password()));
  } else if (spec.forge().has_github_app() && app_password_ != nullptr) {
    ESPALIER_RETURN_IF_ERROR(CheckMayCarryPassword(url, route.proxy));
    request.username = forge::GithubApp::kGitUsername;
    ESPALIER_ASSIGN_OR_RETURN(request.password, app_password_(spec));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> SourceReader::Secret(const v1::SecretRef& ref) const {
  return ResolveSecret(ref, io_, secrets_dir_, env_, reveal_);
}

absl::Status SourceReader::LoadHead(const ReadRequest& request, ReadResult& result) {
  ESPALIER_ASSIGN_OR_RETURN(const std::shared_ptr<const OpenRepository> repository, mirror_.Open());
  ESPALIER_RETURN_IF_ERROR(Judge(request, *repository, result));
  const std::string& commit = result.followed() ? result.commit : request.previous;
  const std::string rules = RulesOf(request.spec);
  if (head_ == nullptr || head_->commit != commit || head_rules_ != rules) {
    absl::StatusOr<std::unique_ptr<GitTree>> tree = GitTree::Open(repository, commit);
    if (tree.ok()) {
      ESPALIER_ASSIGN_OR_RETURN(LoadedSet set,
                                set_.Load(**tree, commit, request.spec, SourceSet::kHead));
      head_ = std::make_shared<const LoadedSet>(std::move(set));
      head_rules_ = rules;
    } else if (result.followed() || absl::IsDataLoss(tree.status())) {
      return Damaged(tree.status());
    } else {
      head_ = nullptr;
    }
  }
  result.head = head_;
  if ((head_ != nullptr && head_->valid()) || request.fallback.empty()) return absl::OkStatus();
  absl::StatusOr<LoadedSet> fallback = LoadFallback(request.fallback, request.spec);
  if (absl::IsDataLoss(fallback.status())) return fallback.status();
  // A history that was rewritten may have lost it: then there is nothing to fall back on.
  if (fallback.ok() && fallback->valid()) {
    result.fallback = std::make_shared<const LoadedSet>(*std::move(fallback));
  }
  return absl::OkStatus();
}

absl::Status SourceReader::Judge(const ReadRequest& request, const OpenRepository& repository,
                                 ReadResult& result) {
  const v1::GitSourceSpec& spec = request.spec;
  result.rewritten = IsRewritten(request, repository, result);
  result.frozen = result.rewritten && spec.on_rewrite() == v1::GitSourceSpec::FREEZE &&
                  request.confirmed != result.commit;
  if (spec.signers().empty()) return absl::OkStatus();
  // What was followed before had its signatures checked then, or no signers to be checked against.
  absl::StatusOr<SignedRange> range = CheckSignatures(
      repository, result.commit, {request.previous, spec.trusted_commit()}, spec.signers());
  if (range.ok()) {
    result.signed_range = *std::move(range);
    return absl::OkStatus();
  }
  absl::Status why = Damaged(range.status());
  if (absl::IsDataLoss(why)) return why;
  result.verified = why;
  return absl::OkStatus();
}

bool SourceReader::IsRewritten(const ReadRequest& request, const OpenRepository& repository,
                               const ReadResult& result) {
  const v1::GitSourceSpec& spec = request.spec;
  const std::string ref = absl::StrCat(spec.repository(), " ", result.ref);
  const std::string last = std::exchange(last_ref_, ref);
  // After a restart nobody knows which tag a range had led to; a ref is taken to be the same.
  if (last.empty() ? spec.has_tags() : last != ref) return false;
  if (spec.has_commit() || request.previous.empty()) return false;
  // A tag that moves on is as little the same as one that moves back.
  if (absl::StartsWith(result.ref, "refs/tags/")) return result.commit != request.previous;
  return !Follows(repository, result.commit, request.previous);
}

absl::StatusOr<LoadedSet> SourceReader::LoadFallback(const std::string& commit,
                                                     const v1::GitSourceSpec& spec) {
  ESPALIER_ASSIGN_OR_RETURN(std::shared_ptr<const OpenRepository> repository, mirror_.Open());
  ESPALIER_ASSIGN_OR_RETURN(const std::unique_ptr<GitTree> tree,
                            GitTree::Open(std::move(repository), commit));
  return set_.Load(*tree, commit, spec, "fallback");
}

absl::Status SourceReader::InTwoRounds(
    const v1::GitSourceSpec& spec,
    absl::FunctionRef<absl::Status(const FetchRequest& tracked)> read) {
  ESPALIER_ASSIGN_OR_RETURN(const FetchRequest tracked, RequestOf(spec));
  absl::Status done;
  for (int round = 0; round < 2; ++round) {
    done = read(tracked);
    if (!absl::IsDataLoss(done)) break;
    mirror_.Discard();
  }
  return done;
}

// Proposals.

ProposalResult SourceReader::ReadProposal(const ProposalRequest& request) {
  const ProposalResult asked = {.number = request.number, .target_commit = request.target_commit};
  ProposalResult result = asked;
  result.fetched = InTwoRounds(request.spec, [&](const FetchRequest& tracked) {
    result = asked;
    return TryProposal(request, tracked, result);
  });
  return result;
}

absl::Status SourceReader::TryProposal(const ProposalRequest& request, const FetchRequest& tracked,
                                       ProposalResult& result) {
  // After the mirror was cloned anew, or thrown away as damaged.
  if (mirror_.discarded() || !HasCommit(request.target_commit)) {
    ESPALIER_RETURN_IF_ERROR(mirror_.Update(tracked).status());
  }
  FetchRequest fetch = tracked;
  ESPALIER_ASSIGN_OR_RETURN(fetch.ref, FullRef(request.head_ref));
  fetch.keep_as = NameOf(request.number);
  // What only the tracked ref is asked.
  fetch.tags.reset();
  fetch.commit.clear();
  fetch.pull_heads_prefix.clear();
  ESPALIER_ASSIGN_OR_RETURN(FetchAnswer answer, mirror_.Add(fetch));
  result.head_commit = std::move(answer.commit);

  ESPALIER_ASSIGN_OR_RETURN(const std::shared_ptr<const OpenRepository> repository, mirror_.Open());
  ESPALIER_ASSIGN_OR_RETURN(result.merge_base,
                            MergeBase(*repository, request.target_commit, result.head_commit));
  ESPALIER_ASSIGN_OR_RETURN(const std::unique_ptr<GitTree> base,
                            GitTree::Open(repository, result.merge_base));
  ESPALIER_ASSIGN_OR_RETURN(const std::unique_ptr<GitTree> head,
                            GitTree::Open(repository, result.head_commit));
  ESPALIER_ASSIGN_OR_RETURN(const std::vector<ChangedFile> changed,
                            ChangesBetween(*base, *head, FolderOf(request.spec)));
  for (const ChangedFile& file : changed) result.files.push_back({.change = file});
  if (result.files.empty()) return absl::OkStatus();

  ESPALIER_ASSIGN_OR_RETURN(
      MergeResult merge,
      MergeInMemory(repository, result.merge_base, request.target_commit, result.head_commit));
  result.conflicts = std::move(merge.conflicts);
  if (merge.tree == nullptr) return absl::OkStatus();
  for (ProposedFile& file : result.files) {
    ESPALIER_ASSIGN_OR_RETURN(file.merged, LinesBetween(*head, *merge.tree, file.change.path));
  }
  ESPALIER_ASSIGN_OR_RETURN(LoadedSet set, set_.Load(*merge.tree, result.head_commit, request.spec,
                                                     NameOf(request.number)));
  result.merged = std::make_shared<const LoadedSet>(std::move(set));
  return absl::OkStatus();
}

void SourceReader::DropProposal(std::int64_t number) {
  mirror_.Drop(NameOf(number));
  set_.Drop(NameOf(number));
}

bool SourceReader::HasCommit(const std::string& commit) const {
  absl::StatusOr<std::shared_ptr<const OpenRepository>> repository = mirror_.Open();
  return repository.ok() && GitTree::Open(*std::move(repository), commit).ok();
}

// History.

HistoryResult SourceReader::ReadHistory(const HistoryRequest& request) const {
  HistoryResult result = {.request = request};
  const absl::StatusOr<std::shared_ptr<const OpenRepository>> repository = mirror_.Open();
  if (!repository.ok()) return result;
  const std::vector<std::string>& tips = request.tips;
  const std::size_t asked = std::min(request.asked.size(), limits::kHistoryQuestions);
  for (std::size_t i = 0; i < asked; ++i) {
    const std::string& commit = request.asked[i];
    const auto follows = [&](const std::string& tip) { return Follows(**repository, tip, commit); };
    // What is asked about was brought lately.
    auto tip = std::find_if(tips.rbegin(), tips.rend(), follows);
    if (tip == tips.rend()) continue;
    if (tip == tips.rbegin()) result.contained.insert(commit);
    while (std::next(tip) != tips.rend() && follows(*std::next(tip))) ++tip;
    result.brought[commit] = *tip;
  }
  return result;
}

// Patches.

PatchResult SourceReader::ReadPatch(const PatchRequest& request) {
  PatchResult result;
  result.read = InTwoRounds(request.spec, [&](const FetchRequest& tracked) {
    result = PatchResult();
    return TryPatch(request, tracked, result);
  });
  return result;
}

absl::Status SourceReader::TryPatch(const PatchRequest& request, const FetchRequest& tracked,
                                    PatchResult& result) {
  ESPALIER_ASSIGN_OR_RETURN(FetchAnswer answer, mirror_.Update(tracked));
  result.tip = std::move(answer.commit);
  if (result.tip != request.commit) return absl::OkStatus();
  ESPALIER_ASSIGN_OR_RETURN(const std::shared_ptr<const OpenRepository> repository, mirror_.Open());
  ESPALIER_ASSIGN_OR_RETURN(const std::unique_ptr<GitTree> tree,
                            GitTree::Open(repository, request.commit));
  Problems problems;
  ESPALIER_ASSIGN_OR_RETURN(const std::vector<FoundFile> files,
                            tree->List(FolderOf(request.spec), problems));
  for (const PatchRequest::File& wanted : request.files) {
    PatchResult::File& file = result.files.emplace_back();
    file.path = wanted.path;
    const auto found = std::find_if(files.begin(), files.end(),
                                    [&](const FoundFile& one) { return one.path == wanted.path; });
    if (found == files.end()) {
      file.status = absl::NotFoundError("the branch has no such file");
      continue;
    }
    ESPALIER_ASSIGN_OR_RETURN(std::string bytes, tree->Read(found->id));
    absl::StatusOr<EditedFile> edited =
        EditFile({.path = wanted.path, .bytes = std::move(bytes)}, wanted.objects);
    file.status = edited.status();
    if (edited.ok()) file.edited = *std::move(edited);
  }
  return absl::OkStatus();
}

}  // namespace espalier
