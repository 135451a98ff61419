// The entries of a map field through reflection, in a fixed order. Internal to the model.
#pragma once

#include <string>
#include <vector>

#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"

namespace espalier {

struct MapEntry {
  // Keys of the model's maps are strings.
  std::string key;
  // The entry's message, with the fields "key" and "value". Lives as long as the map is not
  // changed.
  const google::protobuf::Message* entry = nullptr;
};

// The entries sorted by key. REQUIRES: `field` is a map with string keys.
std::vector<MapEntry> SortedEntries(const google::protobuf::Message& message,
                                    const google::protobuf::FieldDescriptor& field);

// The entry of that key; null if there is none.
const google::protobuf::Message* FindEntry(const std::vector<MapEntry>& entries,
                                           const std::string& key);

}  // namespace espalier
