#include "engine/store/snapshot.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "engine/base/limits.h"
#include "engine/base/sha256.h"
#include "engine/base/status.h"

namespace espalier {
namespace {

constexpr char kHeader[] = "espalier-snapshot 1";
constexpr char kDigest[] = "sha256 ";

absl::Status Damaged(absl::string_view what) {
  return absl::DataLossError(absl::StrCat("the snapshot is damaged: ", what));
}

// Takes the next line off `text`, without its line feed.
absl::string_view TakeLine(absl::string_view& text) {
  const std::size_t end = text.find('\n');
  const absl::string_view line = text.substr(0, end);
  text.remove_prefix(end == absl::string_view::npos ? text.size() : end + 1);
  return line;
}

absl::StatusOr<std::int64_t> TakeNumber(absl::string_view& text, absl::string_view name) {
  const std::vector<absl::string_view> words = absl::StrSplit(TakeLine(text), ' ');
  std::int64_t number = 0;
  if (words.size() != 2 || words[0] != name || !absl::SimpleAtoi(words[1], &number) || number < 0) {
    return Damaged(absl::StrCat("no line \"", name, "\""));
  }
  return number;
}

absl::Status TakeKey(absl::string_view line, absl::flat_hash_map<std::int64_t, int>& positions,
                     SnapshotState& state) {
  const std::vector<absl::string_view> words = absl::StrSplit(line, ' ');
  MemoryView::Live live;
  std::string key;
  std::string value;
  if (words.size() != 4 || !absl::SimpleAtoi(words[0], &live.create_revision) ||
      !absl::SimpleAtoi(words[1], &live.mod_revision) || !absl::Base64Unescape(words[2], &key) ||
      !absl::Base64Unescape(words[3], &value) || key.empty()) {
    return Damaged("a key cannot be read");
  }
  if (live.create_revision < 1 || live.create_revision > live.mod_revision ||
      live.mod_revision > state.revision) {
    return Damaged(absl::StrCat("the revisions of \"", key, "\" cannot be"));
  }
  live.position = positions[live.mod_revision]++;
  if (live.position >= static_cast<int>(limits::kTransactionOps)) {
    return Damaged(absl::StrCat("revision ", live.mod_revision, " has too many keys"));
  }
  live.value = std::make_shared<const std::string>(std::move(value));
  if (!state.live.emplace(std::move(key), std::move(live)).second) {
    return Damaged("a key stands twice");
  }
  return absl::OkStatus();
}

}  // namespace

std::string EncodeSnapshot(const SnapshotState& state) {
  std::string text =
      absl::StrCat(kHeader, "\nrevision ", state.revision, "\nkeys ", state.live.size(), "\n");
  for (const auto& [key, live] : state.live) {
    absl::StrAppend(&text, live.create_revision, " ", live.mod_revision, " ",
                    absl::Base64Escape(key), " ", absl::Base64Escape(*live.value), "\n");
  }
  absl::StrAppend(&text, kDigest, Sha256Hex(text), "\n");
  return text;
}

absl::StatusOr<SnapshotState> DecodeSnapshot(absl::string_view text) {
  const std::size_t body = text.rfind(kDigest);
  if (body == absl::string_view::npos) return Damaged("it has no digest");
  if (text.substr(body) != absl::StrCat(kDigest, Sha256Hex(text.substr(0, body)), "\n")) {
    return Damaged("its digest does not match");
  }
  text = text.substr(0, body);
  if (TakeLine(text) != kHeader) return Damaged("it is of another format");
  SnapshotState state;
  ESPALIER_ASSIGN_OR_RETURN(state.revision, TakeNumber(text, "revision"));
  ESPALIER_ASSIGN_OR_RETURN(const std::int64_t keys, TakeNumber(text, "keys"));
  absl::flat_hash_map<std::int64_t, int> positions;
  while (!text.empty()) {
    ESPALIER_RETURN_IF_ERROR(TakeKey(TakeLine(text), positions, state));
  }
  if (static_cast<std::int64_t>(state.live.size()) != keys) return Damaged("keys are missing");
  return state;
}

}  // namespace espalier
