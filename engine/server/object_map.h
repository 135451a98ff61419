// ObjectMap: all objects, in order of their keys, as a value that is cheap to copy and never
// changes. Readers keep a copy as their snapshot; the writer makes the next one from it. A change
// copies one chunk of entries and the list of chunks, never an object.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/strings/string_view.h"
#include "engine/plan/objects.h"

namespace espalier {

using ObjectPtr = std::shared_ptr<const Resource>;  // shared by snapshots, events and watchers

// The store's key of an object: "r/vm/ci/build".
std::string KeyOf(const Ref& ref);
inline constexpr absl::string_view kObjectPrefix = "r/";
inline constexpr absl::string_view kObjectPrefixEnd = "r0";

class ObjectMap final : public Objects {
 public:
  const Resource* Find(const Ref& ref) const override;
  void ForEach(absl::FunctionRef<void(const Resource&)> visit) const override;
  void ForEachIn(Kind kind, const std::string& ns,
                 absl::FunctionRef<void(const Resource&)> visit) const override;
  std::int64_t revision() const override { return revision_; }

  // Null if there is none.
  ObjectPtr Get(absl::string_view key) const;
  // Visits from the first key >= `begin` on, as long as `visit` returns true.
  void ForEachFrom(absl::string_view begin,
                   absl::FunctionRef<bool(const std::string& key, const ObjectPtr&)> visit) const;
  // Visits, in order of keys, what is not the same object in both maps; null where it is missing.
  // Costs what differs, not what is there, if one was made from the other.
  static void ForEachDifference(
      const ObjectMap& before, const ObjectMap& after,
      absl::FunctionRef<void(const Resource* before, const Resource* after)> visit);
  std::size_t size() const { return size_; }

  // These change this value, not its copies.
  void Put(const std::string& key, ObjectPtr object);
  void Erase(absl::string_view key);
  void set_revision(std::int64_t revision) { revision_ = revision; }

 private:
  struct Entry {
    std::string key;
    ObjectPtr object;
  };
  using Chunk = std::vector<Entry>;

  // An entry of a map, or its end.
  struct Cursor {
    const ObjectMap& map;
    std::size_t chunk = 0;
    std::size_t entry = 0;

    bool at_end() const { return chunk == map.chunks_.size(); }
    const Entry& get() const { return (*map.chunks_[chunk])[entry]; }
    void SkipChunk() {
      ++chunk;
      entry = 0;
    }
    void Next() {
      if (++entry == map.chunks_[chunk]->size()) SkipChunk();
    }
  };

  // Index of the chunk that holds `key` if it is there.
  std::size_t ChunkFor(absl::string_view key) const;

  // None is empty. Chunks are shared with other snapshots, hence never changed in place.
  std::vector<std::shared_ptr<const Chunk>> chunks_;
  std::size_t size_ = 0;
  std::int64_t revision_ = 0;
};

}  // namespace espalier
