#include "engine/model/maps.h"

#include <algorithm>

namespace espalier {

std::vector<MapEntry> SortedEntries(const google::protobuf::Message& message,
                                    const google::protobuf::FieldDescriptor& field) {
  const google::protobuf::Reflection& reflection = *message.GetReflection();
  const google::protobuf::FieldDescriptor* key = field.message_type()->map_key();
  std::vector<MapEntry> entries;
  const int size = reflection.FieldSize(message, &field);
  entries.reserve(size);
  for (int i = 0; i < size; ++i) {
    const google::protobuf::Message& entry = reflection.GetRepeatedMessage(message, &field, i);
    entries.push_back({entry.GetReflection()->GetString(entry, key), &entry});
  }
  std::sort(entries.begin(), entries.end(),
            [](const MapEntry& a, const MapEntry& b) { return a.key < b.key; });
  return entries;
}

const google::protobuf::Message* FindEntry(const std::vector<MapEntry>& entries,
                                           const std::string& key) {
  const auto found =
      std::lower_bound(entries.begin(), entries.end(), key,
                       [](const MapEntry& entry, const std::string& k) { return entry.key < k; });
  return found != entries.end() && found->key == key ? found->entry : nullptr;
}

}  // namespace espalier
