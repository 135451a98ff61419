#include "reconciler/review/outbox.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "engine/base/telemetry.h"

namespace espalier {
namespace {

constexpr mode_t kDirMode = 0700;
constexpr mode_t kFileMode = 0600;
// A comment, a check run and their notes, which forges cut off at 64 KiB each.
constexpr std::size_t kFileBytes = 4 * 1024 * 1024;

// "pull-12.json" -> 12; 0 for other names.
std::int64_t NumberOf(absl::string_view name) {
  std::int64_t number = 0;
  if (!absl::ConsumePrefix(&name, "pull-") || !absl::ConsumeSuffix(&name, ".json") ||
      !absl::SimpleAtoi(name, &number)) {
    return 0;
  }
  return number;
}

}  // namespace

Outbox::Outbox(Io& io, Log& log, std::string dir) : io_(io), log_(log), dir_(std::move(dir)) {
  const absl::StatusOr<std::vector<std::string>> names = io_.List(dir_);
  began_empty_ = absl::IsNotFound(names.status());
  for (const std::string& name : names.value_or(std::vector<std::string>())) {
    const std::int64_t number = NumberOf(name);
    if (number == 0) continue;
    const absl::StatusOr<std::string> bytes = io_.ReadFile(PathOf(number), kFileBytes);
    absl::StatusOr<OutboxEntry> entry =
        bytes.ok() ? DecodeEntry(*bytes) : absl::StatusOr<OutboxEntry>(bytes.status());
    if (entry.ok()) {
      entries_[number] = *std::move(entry);
      continue;
    }
    log_.Warn("outbox entry put aside",
              {{telemetry::kPath, PathOf(number)}, {telemetry::kError, entry.status().ToString()}});
    (void)io_.Rename(PathOf(number), absl::StrCat(PathOf(number), ".unreadable"));
  }
}

bool Outbox::Put(const Surface& surface) {
  OutboxEntry& entry = entries_[surface.number];
  OutboxEntry next = entry;
  next.surface = surface;
  // A process that has just started knows nothing of the commit yet.
  if (surface.reading && entry.surface.commit == surface.commit) return false;
  const bool same = surface.SaysTheSameAs(entry.surface) &&
                    surface.with_check == entry.surface.with_check &&
                    surface.number == entry.surface.number;
  if (same) return false;
  entry = std::move(next);
  Save(surface.number, entry);
  return true;
}

void Outbox::PutReply(std::int64_t number, const std::string& comment, const std::string& text) {
  OutboxEntry& entry = entries_[number];
  entry.surface.number = number;
  if (!entry.replies.emplace(comment, text).second) return;
  Save(number, entry);
}

void Outbox::PutPosted(std::int64_t number, const Posted& posted) {
  const auto found = entries_.find(number);
  if (found == entries_.end()) return;
  found->second.posted = posted;
  Save(number, found->second);
}

void Outbox::PutCommentsUntil(std::int64_t number, std::int64_t micros) {
  OutboxEntry& entry = entries_[number];
  entry.surface.number = number;
  entry.comments_until = micros;
  Save(number, entry);
}

const OutboxEntry* Outbox::Find(std::int64_t number) const {
  const auto found = entries_.find(number);
  return found == entries_.end() ? nullptr : &found->second;
}

std::vector<std::int64_t> Outbox::Numbers() const {
  std::vector<std::int64_t> numbers;
  numbers.reserve(entries_.size());
  for (const auto& [number, entry] : entries_) numbers.push_back(number);
  return numbers;
}

void Outbox::Forget(std::int64_t number) {
  entries_.erase(number);
  // What cannot be removed now is found and forgotten at the next start.
  (void)io_.RemoveAll(PathOf(number));
}

std::string Outbox::PathOf(std::int64_t number) const {
  return absl::StrCat(dir_, "/pull-", number, ".json");
}

// A disk that fails is logged: what shall stand is still known here, and found out anew otherwise.
void Outbox::Save(std::int64_t number, const OutboxEntry& entry) {
  absl::Status saved = io_.MakeDirs(dir_, kDirMode);
  if (saved.ok()) saved = io_.WriteFile(PathOf(number), EncodeEntry(entry), kFileMode);
  if (!saved.ok()) {
    log_.Warn("outbox entry not saved",
              {{telemetry::kPath, PathOf(number)}, {telemetry::kError, saved.ToString()}});
  }
}

}  // namespace espalier
