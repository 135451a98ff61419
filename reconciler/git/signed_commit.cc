#include "reconciler/git/signed_commit.h"

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "reconciler/git/git_limits.h"

namespace espalier {
namespace {

// The line at the front of `rest` with its end, which is taken off.
absl::string_view TakeLine(absl::string_view& rest) {
  const std::size_t end = rest.find('\n');
  const absl::string_view line = rest.substr(0, end == absl::string_view::npos ? end : end + 1);
  rest.remove_prefix(line.size());
  return line;
}

// Of "Ana <ana@fleet.example> 1700000000 +0100\n".
bool ReadTime(absl::string_view who, absl::Time& time) {
  const std::vector<absl::string_view> words =
      absl::StrSplit(absl::StripSuffix(who.substr(who.rfind('>') + 1), "\n"), ' ');
  std::int64_t seconds = 0;
  if (words.size() != 3 || !words[0].empty() || !absl::SimpleAtoi(words[1], &seconds)) return false;
  time = absl::FromUnixSeconds(seconds);
  return true;
}

}  // namespace

absl::StatusOr<SignedCommit> SplitCommit(absl::string_view object) {
  if (object.size() > limits::kCommitBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("the commit is larger than ", limits::kCommitBytes, " bytes"));
  }
  SignedCommit commit;
  absl::string_view rest = object;
  bool in_signature = false;
  bool has_signature = false;
  bool has_time = false;
  while (!rest.empty() && rest.front() != '\n') {
    const absl::string_view line = TakeLine(rest);
    absl::string_view value = line;
    if (absl::StrContains(line, '\0')) {
      return absl::InvalidArgumentError("the commit's header is not text");
    }
    if (absl::ConsumePrefix(&value, " ")) {
      // A line more of the header above.
      absl::StrAppend(in_signature ? &commit.signature : &commit.payload,
                      in_signature ? value : line);
      continue;
    }
    in_signature = absl::ConsumePrefix(&value, "gpgsig ");
    if (in_signature) {
      if (has_signature) return absl::InvalidArgumentError("the commit has two signatures");
      has_signature = true;
      commit.signature = std::string(value);
      continue;
    }
    if (absl::ConsumePrefix(&value, "committer ")) {
      if (has_time || !ReadTime(value, commit.committed_at)) {
        return absl::InvalidArgumentError("the commit does not say once when it was made");
      }
      has_time = true;
    }
    absl::StrAppend(&commit.payload, line);
  }
  if (!has_time) return absl::InvalidArgumentError("the commit does not say when it was made");
  absl::StrAppend(&commit.payload, rest);
  return commit;
}

}  // namespace espalier
