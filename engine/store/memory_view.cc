#include "engine/store/memory_view.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "engine/base/check.h"
#include "engine/base/limits.h"

namespace espalier {
namespace {

std::size_t BytesOf(const LogRow& row) {
  return sizeof(LogRow) + row.key.size() + row.value->size();
}

KeyValue ToKeyValue(absl::string_view key, const MemoryView::Live& live) {
  return {std::string(key), *live.value, live.mod_revision, live.create_revision};
}

}  // namespace

StoreEvent ToEvent(const LogRow& row) { return {row.type, row.key, *row.value, row.revision}; }

void MemoryView::Apply(absl::Span<const LogRow> rows) {
  MutexLock lock(mu_);
  for (const LogRow& row : rows) {
    ESPALIER_CHECK(row.revision >= revision_);
    revision_ = row.revision;
    if (row.type == StoreOp::Type::kPut) {
      live_.insert_or_assign(row.key,
                             Live{row.value, row.revision, row.create_revision, row.position});
    } else {
      live_.erase(row.key);
    }
    history_bytes_ += BytesOf(row);
    history_.push_back(row);
  }
  TrimHistory();
}

void MemoryView::TrimHistory() {
  while (history_.size() > limits::kWatchHistory || history_bytes_ > limits::kWatchHistoryBytes) {
    DropOldestRevision();
  }
}

void MemoryView::DropOldestRevision() {
  // A revision is forgotten as a whole: watchers never see a part of one.
  floor_ = history_.front().revision;
  while (!history_.empty() && history_.front().revision == floor_) {
    history_bytes_ -= BytesOf(history_.front());
    history_.pop_front();
  }
}

absl::Status MemoryView::Compact(std::int64_t revision) {
  MutexLock lock(mu_);
  if (revision > revision_) {
    return absl::OutOfRangeError(
        absl::StrCat("revision ", revision, " lies in the future of ", revision_));
  }
  while (!history_.empty() && history_.front().revision <= revision) DropOldestRevision();
  floor_ = std::max(floor_, revision);
  return absl::OkStatus();
}

void MemoryView::Advance(std::int64_t revision) {
  MutexLock lock(mu_);
  revision_ = std::max(revision_, revision);
}

void MemoryView::Reset(LiveMap live, std::int64_t revision) {
  MutexLock lock(mu_);
  live_ = std::move(live);
  history_.clear();
  history_bytes_ = 0;
  revision_ = revision;
  floor_ = revision;
}

MemoryView::Live MemoryView::Find(absl::string_view key) const {
  MutexLock lock(mu_);
  const auto it = live_.find(key);
  return it == live_.end() ? Live{} : it->second;
}

absl::StatusOr<KeyValue> MemoryView::Get(absl::string_view key) const {
  const Live live = Find(key);
  if (live.mod_revision == 0) return absl::NotFoundError(absl::StrCat("no key \"", key, "\""));
  return ToKeyValue(key, live);
}

RangeResult MemoryView::Range(absl::string_view begin, absl::string_view end,
                              std::size_t limit) const {
  RangeResult result;
  std::vector<std::pair<std::string, Live>> found;
  {
    MutexLock lock(mu_);
    result.revision = revision_;
    for (auto it = live_.lower_bound(begin); it != live_.end(); ++it) {
      if (!end.empty() && absl::string_view(it->first) >= end) break;
      if (limit != 0 && found.size() == limit) {
        result.more = true;
        break;
      }
      found.emplace_back(it->first, it->second);
    }
  }
  result.items.reserve(found.size());
  for (const auto& [key, live] : found) result.items.push_back(ToKeyValue(key, live));
  return result;
}

absl::StatusOr<std::vector<StoreEvent>> MemoryView::EventsAfter(std::int64_t after,
                                                                std::size_t limit) const {
  std::vector<LogRow> found;
  {
    MutexLock lock(mu_);
    if (after < floor_) {
      return absl::OutOfRangeError(
          absl::StrCat("revision ", after, " is too old: events up to ", floor_, " are compacted"));
    }
    if (after > revision_) {
      return absl::OutOfRangeError(
          absl::StrCat("revision ", after, " lies in the future of ", revision_));
    }
    auto it = std::upper_bound(
        history_.begin(), history_.end(), after,
        [](std::int64_t revision, const LogRow& row) { return revision < row.revision; });
    while (it != history_.end()) {
      auto next = it;
      while (next != history_.end() && next->revision == it->revision) ++next;
      const auto rows = static_cast<std::size_t>(next - it);
      if (limit != 0 && !found.empty() && found.size() + rows > limit) break;
      found.insert(found.end(), it, next);
      it = next;
    }
  }
  std::vector<StoreEvent> events;
  events.reserve(found.size());
  for (const LogRow& row : found) events.push_back(ToEvent(row));
  return events;
}

std::int64_t MemoryView::revision() const {
  MutexLock lock(mu_);
  return revision_;
}

MemoryView::LiveMap MemoryView::Copy(std::int64_t& revision) const {
  MutexLock lock(mu_);
  revision = revision_;
  return live_;
}

std::vector<std::int64_t> MemoryView::LiveRowsUpTo(std::int64_t revision) const {
  std::vector<std::int64_t> ids;
  MutexLock lock(mu_);
  ids.reserve(live_.size());
  for (const auto& [key, live] : live_) {
    if (live.mod_revision <= revision) ids.push_back(RowId(live.mod_revision, live.position));
  }
  return ids;
}

std::int64_t MemoryView::floor() const {
  MutexLock lock(mu_);
  return floor_;
}

std::size_t MemoryView::live_keys() const {
  MutexLock lock(mu_);
  return live_.size();
}

}  // namespace espalier
