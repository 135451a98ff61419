#include "engine/server/rest/json_cache.h"

#include <utility>

#include "engine/model/codec.h"

namespace espalier {
namespace {

// What an entry takes beside its text: the uid, the pointers and the room in the table.
constexpr std::size_t kEntryBytes = 160;

}  // namespace

void JsonCache::Append(const Resource& object, std::string& out) {
  std::shared_ptr<const std::string> json = Find(object);
  if (json == nullptr) {
    std::string text = ToJson(object, Indent::kNone);
    // It was written piece by piece: up to half of its room is air.
    text.shrink_to_fit();
    json = std::make_shared<const std::string>(std::move(text));
    MutexLock lock(mu_);
    Keep(object, json);
  }
  out += *json;
}

std::shared_ptr<const std::string> JsonCache::Find(const Resource& object) {
  MutexLock lock(mu_);
  for (Generation* generation : {&young_, &old_}) {
    const auto found = generation->entries.find(object.metadata().uid());
    if (found == generation->entries.end()) continue;
    if (found->second.revision != object.metadata().revision()) continue;
    std::shared_ptr<const std::string> json = found->second.json;
    if (generation == &old_) Keep(object, json);
    return json;
  }
  return nullptr;
}

void JsonCache::Keep(const Resource& object, std::shared_ptr<const std::string> json) {
  Entry& entry = young_.entries[object.metadata().uid()];
  if (entry.json != nullptr) {
    // A page of an older snapshot may come after a newer one.
    if (entry.revision > object.metadata().revision()) return;
    young_.bytes -= entry.json->size() + kEntryBytes;
  }
  young_.bytes += json->size() + kEntryBytes;
  entry = {.revision = object.metadata().revision(), .json = std::move(json)};
  if (young_.bytes <= max_bytes_ / 2) return;
  old_ = std::exchange(young_, {});
}

std::size_t JsonCache::bytes() const {
  MutexLock lock(mu_);
  return young_.bytes + old_.bytes;
}

}  // namespace espalier
