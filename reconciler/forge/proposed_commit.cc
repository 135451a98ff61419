#include "reconciler/forge/proposed_commit.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "engine/base/sha256.h"

namespace espalier::forge {
namespace {

constexpr char kTrailer[] = "Espalier-Change: ";

// Each text with its length: no two changes are the same bytes.
void Add(const std::string& text, Sha256& hash) {
  hash.Update(absl::StrCat(text.size(), "\n", text));
}

std::string Heading(const ProposedChange& change) {
  return absl::StrCat(change.title, "\n\n", kTrailer);
}

}  // namespace

std::string CommitMessageOf(const ProposedChange& change) {
  Sha256 hash;
  for (const std::string* text : {&change.base_sha, &change.title, &change.body}) Add(*text, hash);
  for (const FileChange& file : change.files) {
    Add(file.path, hash);
    Add(file.bytes, hash);
  }
  return absl::StrCat(Heading(change), hash.FinishHex());
}

StandingCommit StandingOf(const std::string& message, const ProposedChange& change) {
  // Forges add line ends.
  if (absl::StartsWith(message, CommitMessageOf(change))) return StandingCommit::kSame;
  return absl::StartsWith(message, Heading(change)) ? StandingCommit::kOurs
                                                    : StandingCommit::kForeign;
}

absl::Status HasForeignCommits(const ProposedChange& change) {
  return absl::FailedPreconditionError(
      absl::StrCat("somebody else has pushed to the branch ", change.branch,
                   ": merge its pull request, or delete the branch, and ask again"));
}

absl::Status UnlessOvertaken(const absl::Status& status) {
  const bool overtaken = absl::StrContains(status.message(), "already exist");
  return overtaken ? absl::UnavailableError(status.message()) : status;
}

}  // namespace espalier::forge
