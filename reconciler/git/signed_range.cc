#include "reconciler/git/signed_range.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "engine/base/status.h"
#include "reconciler/git/git_limits.h"
#include "reconciler/git/history.h"
#include "reconciler/git/libgit.h"
#include "reconciler/git/signature.h"
#include "reconciler/git/signed_commit.h"
#include "reconciler/git/tree_diff.h"

namespace espalier {
namespace {

// A key's wire form, and whose it is. Two signers may have the same key.
using Keys = std::multimap<std::string, std::pair<std::string, const v1::Signer*>>;

// Of a merge by somebody who may not change everything: each costs a comparison.
constexpr unsigned kMostParents = 8;

absl::Status Refused(absl::string_view why) { return absl::PermissionDeniedError(why); }

absl::StatusOr<Keys> KeysOf(const Signers& signers) {
  Keys keys;
  for (const auto& [name, signer] : signers) {
    for (const std::string& line : signer.public_keys()) {
      absl::StatusOr<std::string> key = ParseSshPublicKey(line);
      if (!key.ok()) return Annotate(key.status(), absl::StrCat("signers[", name, "]"));
      keys.emplace(*std::move(key), std::make_pair(name, &signer));
    }
  }
  return keys;
}

absl::Status CheckDay(const v1::Signer& signer, absl::Time time) {
  // Days in this form sort as they follow each other.
  const std::string day = absl::FormatTime("%Y-%m-%d", time, absl::UTCTimeZone());
  if ((signer.has_valid_from() && day < signer.valid_from()) ||
      (signer.has_valid_until() && day > signer.valid_until())) {
    return Refused(absl::StrCat("its key does not count on ", day));
  }
  return absl::OkStatus();
}

bool MayChange(const v1::Signer& signer, absl::string_view path) {
  return std::any_of(signer.paths().begin(), signer.paths().end(), [&](const std::string& allowed) {
    const absl::string_view below = absl::StripSuffix(allowed, "/");
    return below == "." || path == below || absl::StartsWith(path, absl::StrCat(below, "/"));
  });
}

class Checker {
 public:
  Checker(const OpenRepository& repository, Keys keys)
      : repository_(repository), keys_(std::move(keys)), sizes_(repository) {}

  // The name of who signed the commit and may.
  absl::StatusOr<std::string> Signer(const std::string& commit) {
    ESPALIER_ASSIGN_OR_RETURN(const SignedCommit object, Read(commit));
    if (object.signature.empty()) return Refused("it is not signed");
    const absl::StatusOr<SshSignature> signature = ParseSshSignature(object.signature);
    if (!signature.ok()) return Refused(signature.status().message());
    const auto [first, last] = keys_.equal_range(signature->public_key);
    if (first == last) {
      return Refused(
          absl::StrCat("its key ", SshFingerprint(signature->public_key), " belongs to no signer"));
    }
    ESPALIER_RETURN_IF_ERROR(VerifySshSignature(*signature, object.payload));
    absl::Status why;
    for (auto key = first; key != last; ++key) {
      const auto& [name, signer] = key->second;
      why = CheckDay(*signer, object.committed_at);
      if (why.ok()) why = CheckPaths(*signer, commit);
      if (why.ok()) return name;
      if (!absl::IsPermissionDenied(why)) return why;
      why = Refused(absl::StrCat(why.message(), " (", name, ")"));
    }
    return why;
  }

 private:
  absl::StatusOr<SignedCommit> Read(const std::string& commit) {
    ESPALIER_ASSIGN_OR_RETURN(const git_oid id, ParseGitId(commit));
    git_odb_object* raw = nullptr;
    if (int code = git_odb_read(&raw, repository_.handles().odb.get(), &id); code < 0) {
      return GitDamaged(code, "reading a commit");
    }
    const GitOdbObject object(raw);
    absl::StatusOr<SignedCommit> split = SplitCommit(absl::string_view(
        static_cast<const char*>(git_odb_object_data(raw)), git_odb_object_size(raw)));
    if (!split.ok()) return Refused(split.status().message());
    return split;
  }

  absl::Status CheckPaths(const v1::Signer& signer, const std::string& commit) {
    if (signer.paths().empty()) return absl::OkStatus();
    ESPALIER_ASSIGN_OR_RETURN(const GitCommit found, FindCommit(repository_, commit));
    ESPALIER_ASSIGN_OR_RETURN(const GitTreeHandle after, TreeOf(found));
    const unsigned parents = git_commit_parentcount(found.get());
    if (parents > kMostParents) {
      return Refused(absl::StrCat("it merges more than ", kMostParents, " commits"));
    }
    if (parents == 0) return CheckChanges(signer, nullptr, after.get());
    for (unsigned i = 0; i < parents; ++i) {
      ESPALIER_ASSIGN_OR_RETURN(
          const GitCommit parent,
          FindCommit(repository_, GitIdText(*git_commit_parent_id(found.get(), i))));
      ESPALIER_ASSIGN_OR_RETURN(const GitTreeHandle before, TreeOf(parent));
      ESPALIER_RETURN_IF_ERROR(CheckChanges(signer, before.get(), after.get()));
    }
    return absl::OkStatus();
  }

  // `before` may be null: nothing was there.
  absl::Status CheckChanges(const v1::Signer& signer, git_tree* before, git_tree* after) {
    ESPALIER_ASSIGN_OR_RETURN(const GitDiff diff, DiffTrees(repository_, before, after));
    for (std::size_t i = 0; i < git_diff_num_deltas(diff.get()); ++i) {
      const git_diff_delta& delta = *git_diff_get_delta(diff.get(), i);
      for (const char* path : {delta.old_file.path, delta.new_file.path}) {
        if (path == nullptr || MayChange(signer, path)) continue;
        return Refused(
            absl::StrCat("it changes ", PathForPeople(path), ", which its signer may not"));
      }
    }
    return absl::OkStatus();
  }

  absl::StatusOr<GitTreeHandle> TreeOf(const GitCommit& commit) {
    git_tree* raw = nullptr;
    if (int code = git_commit_tree(&raw, commit.get()); code < 0) {
      return GitDamaged(code, "reading a commit's tree");
    }
    GitTreeHandle tree(raw);
    ESPALIER_RETURN_IF_ERROR(sizes_.Check(raw));
    return tree;
  }

  const OpenRepository& repository_;
  const Keys keys_;
  TreeSizes sizes_;
};

}  // namespace

absl::StatusOr<SignedRange> CheckSignatures(const OpenRepository& repository,
                                            const std::string& tip,
                                            const std::vector<std::string>& trusted,
                                            const Signers& signers) {
  ESPALIER_ASSIGN_OR_RETURN(Keys keys, KeysOf(signers));
  absl::StatusOr<std::vector<std::string>> commits =
      CommitsSince(repository, tip, trusted, limits::kSignedCommits);
  if (absl::IsResourceExhausted(commits.status())) {
    return Annotate(commits.status(), "a trusted_commit further on is needed");
  }
  ESPALIER_RETURN_IF_ERROR(commits.status());
  Checker checker(repository, std::move(keys));
  SignedRange range = {.commits = commits->size()};
  for (const std::string& commit : *commits) {
    absl::StatusOr<std::string> signer = checker.Signer(commit);
    if (!signer.ok()) {
      return Annotate(signer.status(), absl::StrCat("commit ", commit.substr(0, 12)));
    }
    range.signers.insert(*std::move(signer));
  }
  return range;
}

}  // namespace espalier
