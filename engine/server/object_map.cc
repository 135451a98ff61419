#include "engine/server/object_map.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace espalier {
namespace {

// Larger chunks make a write copy more, smaller ones make the list of chunks longer: with 64 both
// stay below some hundred pointers up to 20,000 objects.
constexpr std::size_t kChunkEntries = 64;

}  // namespace

std::string KeyOf(const Ref& ref) { return absl::StrCat("r/", ToString(ref)); }

std::size_t ObjectMap::ChunkFor(absl::string_view key) const {
  const auto after = std::upper_bound(
      chunks_.begin(), chunks_.end(), key,
      [](absl::string_view wanted, const auto& chunk) { return wanted < chunk->front().key; });
  return after == chunks_.begin() ? 0 : static_cast<std::size_t>(after - chunks_.begin()) - 1;
}

ObjectPtr ObjectMap::Get(absl::string_view key) const {
  if (chunks_.empty()) return nullptr;
  const Chunk& chunk = *chunks_[ChunkFor(key)];
  const auto found = std::lower_bound(
      chunk.begin(), chunk.end(), key,
      [](const Entry& entry, absl::string_view wanted) { return entry.key < wanted; });
  return found != chunk.end() && found->key == key ? found->object : nullptr;
}

const Resource* ObjectMap::Find(const Ref& ref) const { return Get(KeyOf(ref)).get(); }

void ObjectMap::ForEach(absl::FunctionRef<void(const Resource&)> visit) const {
  for (const auto& chunk : chunks_) {
    for (const Entry& entry : *chunk) visit(*entry.object);
  }
}

void ObjectMap::ForEachIn(Kind kind, const std::string& ns,
                          absl::FunctionRef<void(const Resource&)> visit) const {
  const std::string prefix = KeyOf(Ref{kind, ns, ""});
  ForEachFrom(prefix, [&](const std::string& key, const ObjectPtr& object) {
    if (!absl::StartsWith(key, prefix)) return false;
    visit(*object);
    return true;
  });
}

void ObjectMap::ForEachFrom(
    absl::string_view begin,
    absl::FunctionRef<bool(const std::string& key, const ObjectPtr&)> visit) const {
  if (chunks_.empty()) return;
  for (std::size_t i = ChunkFor(begin); i < chunks_.size(); ++i) {
    for (const Entry& entry : *chunks_[i]) {
      if (entry.key >= begin && !visit(entry.key, entry.object)) return;
    }
  }
}

void ObjectMap::ForEachDifference(
    const ObjectMap& before, const ObjectMap& after,
    absl::FunctionRef<void(const Resource* before, const Resource* after)> visit) {
  Cursor old{before};
  Cursor now{after};
  while (!old.at_end() || !now.at_end()) {
    const bool both = !old.at_end() && !now.at_end();
    if (both && old.entry == 0 && now.entry == 0 &&
        before.chunks_[old.chunk] == after.chunks_[now.chunk]) {
      old.SkipChunk();
      now.SkipChunk();
      continue;
    }
    // Negative: what comes next is in `before` alone.
    int order = old.at_end() ? 1 : -1;
    if (both) order = old.get().key.compare(now.get().key);
    if (order < 0) {
      visit(old.get().object.get(), nullptr);
      old.Next();
    } else if (order > 0) {
      visit(nullptr, now.get().object.get());
      now.Next();
    } else {
      if (old.get().object != now.get().object) {
        visit(old.get().object.get(), now.get().object.get());
      }
      old.Next();
      now.Next();
    }
  }
}

void ObjectMap::Put(const std::string& key, ObjectPtr object) {
  if (chunks_.empty()) {
    chunks_.push_back(std::make_shared<Chunk>(Chunk{{key, std::move(object)}}));
    ++size_;
    return;
  }
  const std::size_t at = ChunkFor(key);
  Chunk chunk = *chunks_[at];
  const auto place = std::lower_bound(
      chunk.begin(), chunk.end(), key,
      [](const Entry& entry, const std::string& wanted) { return entry.key < wanted; });
  if (place != chunk.end() && place->key == key) {
    place->object = std::move(object);
  } else {
    chunk.insert(place, Entry{key, std::move(object)});
    ++size_;
  }
  if (chunk.size() <= kChunkEntries) {
    chunks_[at] = std::make_shared<Chunk>(std::move(chunk));
    return;
  }
  const auto middle = chunk.begin() + static_cast<std::ptrdiff_t>(chunk.size() / 2);
  Chunk upper(std::make_move_iterator(middle), std::make_move_iterator(chunk.end()));
  chunk.erase(middle, chunk.end());
  chunks_[at] = std::make_shared<Chunk>(std::move(chunk));
  chunks_.insert(chunks_.begin() + static_cast<std::ptrdiff_t>(at) + 1,
                 std::make_shared<Chunk>(std::move(upper)));
}

void ObjectMap::Erase(absl::string_view key) {
  if (chunks_.empty()) return;
  const std::size_t at = ChunkFor(key);
  Chunk chunk = *chunks_[at];
  const auto found = std::find_if(chunk.begin(), chunk.end(),
                                  [&](const Entry& entry) { return entry.key == key; });
  if (found == chunk.end()) return;
  chunk.erase(found);
  --size_;
  if (chunk.empty()) {
    chunks_.erase(chunks_.begin() + static_cast<std::ptrdiff_t>(at));
  } else {
    chunks_[at] = std::make_shared<Chunk>(std::move(chunk));
  }
}

}  // namespace espalier
