// SourceReader: everything about one source that is slow and touches the disk or the network:
// secrets, fetch, tree walk, parsing. It runs beside the loop, which only sees its results. Belongs
// to one thread at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "engine/base/io.h"
#include "engine/model/secret.h"
#include "espalier/v1/git_source.pb.h"
#include "reconciler/git/mirror.h"
#include "reconciler/git/repository_url.h"
#include "reconciler/git/signed_range.h"
#include "reconciler/patch.h"
#include "reconciler/proposal.h"
#include "reconciler/source_set.h"

namespace espalier {

struct ReadRequest {
  v1::GitSourceSpec spec;
  // The commit that was followed last: a history that goes on contains it, and signatures count
  // from it on. May be empty.
  std::string previous;
  // A commit that somebody let be followed although it does not follow from `previous`; may be
  // empty.
  std::string confirmed;
  // The commit that was applied last, loaded as well when the new one is invalid; empty: the caller
  // still holds a valid set.
  std::string fallback;
};

struct ReadResult {
  // Why there is no commit; OK otherwise.
  absl::Status fetched;
  std::string commit;
  // The full name of the ref that was followed.
  std::string ref;
  // The heads of the repository's pull requests, where the source has a forge.
  PullHeads pull_heads;
  // The commit does not follow from `previous`, or a tag is not where it was. Never where the
  // source is pinned to a commit, nor where a range of tags or a change of the spec has led
  // elsewhere: then that is what was asked for.
  bool rewritten = false;
  // Rewritten, and the source wants that to be confirmed first.
  bool frozen = false;
  // Why the commits since `previous` are not those of the source's signers: as CheckSignatures. OK
  // also where the source names none.
  absl::Status verified;
  SignedRange signed_range;
  // The set of the commit that is followed, `commit` or else `previous`: the same pointer as before
  // when neither commit nor folder changed, so that the loop can tell. Null when the mirror could
  // not be read (then `fetched` says why), and when it lacks `previous`.
  std::shared_ptr<const LoadedSet> head;
  // The set of ReadRequest::fallback, if it was needed, is there and is valid.
  std::shared_ptr<const LoadedSet> fallback;

  bool followed() const { return !frozen && verified.ok(); }
};

class SourceReader {
 public:
  // The password by which the GitHub App of a source fetches its repository. May ask the forge.
  using AppPassword = std::function<absl::StatusOr<std::string>(const v1::GitSourceSpec&)>;

  // `dir` is the source's own directory below the cache directory.
  SourceReader(const GitLibrary& library, Io& io, Fetch fetch, std::string dir,
               std::string secrets_dir, Environment env, Reveal reveal = nullptr,
               AppPassword app_password = nullptr);

  ReadResult Read(const ReadRequest& request);

  // Fetches the head of a pull request beside the tracked ref and loads what merging it would give.
  ProposalResult ReadProposal(const ProposalRequest& request);
  // Forgets the head of a pull request, and what only it needed.
  void DropProposal(std::int64_t number);

  // Looks into what was fetched; fetches nothing.
  HistoryResult ReadHistory(const HistoryRequest& request) const;

  // Fetches the tracked ref, and patches files of the commit that it is still at.
  PatchResult ReadPatch(const PatchRequest& request);

  // Removes everything that the source has on the disk.
  void RemoveFiles();

 private:
  absl::StatusOr<FetchRequest> RequestOf(const v1::GitSourceSpec& spec) const;
  absl::Status AddSshLogin(const v1::GitSourceSpec& spec, FetchRequest& request) const;
  absl::Status AddHttpLogin(const v1::GitSourceSpec& spec, const RepositoryUrl& url,
                            FetchRequest& request) const;
  absl::StatusOr<std::string> Secret(const v1::SecretRef& ref) const;
  absl::Status LoadHead(const ReadRequest& request, ReadResult& result);
  // Finds out whether the commit that was fetched is to be followed. DATA_LOSS.
  absl::Status Judge(const ReadRequest& request, const OpenRepository& repository,
                     ReadResult& result);
  bool IsRewritten(const ReadRequest& request, const OpenRepository& repository,
                   const ReadResult& result);
  absl::StatusOr<LoadedSet> LoadFallback(const std::string& commit, const v1::GitSourceSpec& spec);
  // Calls `read` with the request for the source's own ref, and once more where the mirror turns
  // out damaged, as Read does: but here also where it is the fetch that finds it so.
  absl::Status InTwoRounds(const v1::GitSourceSpec& spec,
                           absl::FunctionRef<absl::Status(const FetchRequest& tracked)> read);
  // One round of ReadProposal.
  absl::Status TryProposal(const ProposalRequest& request, const FetchRequest& tracked,
                           ProposalResult& result);
  bool HasCommit(const std::string& commit) const;
  // One round of ReadPatch.
  absl::Status TryPatch(const PatchRequest& request, const FetchRequest& tracked,
                        PatchResult& result);

  Io& io_;
  const std::string dir_;
  const std::string secrets_dir_;
  const Environment env_;
  const Reveal reveal_;
  const AppPassword app_password_;
  Mirror mirror_;
  SourceSet set_;
  std::shared_ptr<const LoadedSet> head_;
  // What of the spec decides how a commit is read.
  std::string head_rules_;
  // Repository and ref that were read last; empty before the first time.
  std::string last_ref_;
};

}  // namespace espalier
