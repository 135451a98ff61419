#include "engine/model/diff.h"

#include <algorithm>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "engine/base/check.h"
#include "engine/base/sha256.h"
#include "engine/model/access.h"
#include "engine/model/encode.h"
#include "engine/model/field.h"
#include "engine/model/maps.h"
#include "engine/model/same_image.h"
#include "engine/model/scalar.h"

namespace espalier {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

bool IsPresent(const Message* message, const FieldDescriptor& field) {
  if (message == nullptr) return false;
  const Reflection& reflection = *message->GetReflection();
  return field.is_repeated() ? reflection.FieldSize(*message, &field) > 0
                             : reflection.HasField(*message, &field);
}

const Message* Below(const Message* message, const FieldDescriptor& field) {
  return IsPresent(message, field) ? &message->GetReflection()->GetMessage(*message, &field)
                                   : nullptr;
}

// Walks two messages of one type side by side; either may be absent.
class Differ {
 public:
  // `status` of the object before; null if there is none.
  Differ(const Message* status, const std::vector<std::string>& unknown,
         std::vector<FieldChange>& out)
      : status_(status), unknown_(unknown), out_(out) {}

  // `forces`: the change replaces the object.
  void Fields(const google::protobuf::Descriptor& type, const Message* before, const Message* after,
              const std::string& path, bool is_spec, bool forces) {
    for (int i = 0; i < type.field_count(); ++i) {
      const FieldDescriptor& field = *type.field(i);
      const std::string below = absl::StrCat(path, ".", field.name());
      // IMMUTABLE binds the kind that owns the spec: in a message below, a template say, it does
      // not.
      const bool immutable = is_spec && Has(RulesOf(field), v1::FieldRules::IMMUTABLE) &&
                             (IsUnknown(below) || !IsSameImage(field, before, after));
      Field(field, before, after, below, forces || immutable);
    }
  }

  void Field(const FieldDescriptor& field, const Message* before, const Message* after,
             const std::string& path, bool forces) {
    if (IsUnknown(path)) return Unknown(field, before, path, forces);
    if (field.is_map()) return Map(field, before, after, path, forces);
    if (!field.is_repeated() && !IsScalar(field)) {
      const Message* old_value = Below(before, field);
      const Message* new_value = Below(after, field);
      const std::size_t count = out_.size();
      Fields(*field.message_type(), old_value, new_value, path, false, forces);
      // An empty message that comes or goes has no fields to name.
      const bool comes_or_goes = (old_value == nullptr) != (new_value == nullptr);
      if (comes_or_goes && out_.size() == count) Whole(field, before, after, path, forces);
      return;
    }
    // A list is compared as one value: its items have no names, and a shift would change them all.
    if (IsAnyBelowUnknown(path)) return Unknown(field, before, path, forces);
    Whole(field, before, after, path, forces);
  }

 private:
  bool IsSameImage(const FieldDescriptor& field, const Message* before,
                   const Message* after) const {
    const std::string& pinned_by = RulesOf(field).pinned_by();
    if (pinned_by.empty() || !IsPresent(before, field) || !IsPresent(after, field)) return false;
    const Message* at = status_;
    std::string digest;
    for (absl::string_view step : absl::StrSplit(pinned_by, '.')) {
      if (at == nullptr) return false;
      const FieldDescriptor* next = at->GetDescriptor()->FindFieldByName(std::string(step));
      ESPALIER_CHECK(next != nullptr);
      if (IsScalar(*next)) {
        digest = at->GetReflection()->GetString(*at, next);
        break;
      }
      at = Below(at, *next);
    }
    return MeansSameImage(before->GetReflection()->GetString(*before, &field),
                          after->GetReflection()->GetString(*after, &field), digest);
  }

  bool IsUnknown(const std::string& path) const {
    return std::find(unknown_.begin(), unknown_.end(), path) != unknown_.end();
  }
  bool IsAnyBelowUnknown(const std::string& path) const {
    return std::any_of(unknown_.begin(), unknown_.end(), [&](const std::string& unknown) {
      return unknown.size() > path.size() && absl::StartsWith(unknown, path) &&
             (unknown[path.size()] == '[' || unknown[path.size()] == '.');
    });
  }

  FieldChange& Add(const std::string& path, bool forces) {
    FieldChange& change = out_.emplace_back();
    change.set_path(path);
    change.set_forces_replace(forces);
    return change;
  }

  static std::string Shown(const Message& message, const FieldDescriptor& field) {
    const v1::FieldRules& rules = RulesOf(field);
    const bool hidden = Has(rules, v1::FieldRules::SECRET) || Has(rules, v1::FieldRules::SEALED);
    return hidden ? kSecretChange : FieldJson(message, field);
  }

  void Unknown(const FieldDescriptor& field, const Message* before, const std::string& path,
               bool forces) {
    FieldChange& change = Add(path, forces);
    change.set_unknown(true);
    if (IsPresent(before, field)) change.set_before(Shown(*before, field));
  }

  void Whole(const FieldDescriptor& field, const Message* before, const Message* after,
             const std::string& path, bool forces) {
    const bool was = IsPresent(before, field);
    const bool is = IsPresent(after, field);
    if (!was && !is) return;
    // Compared by their canonical form, secrets too: the text of a secret is not shown, its change
    // is.
    if (was && is && FieldJson(*before, field) == FieldJson(*after, field)) return;
    FieldChange& change = Add(path, forces);
    if (was) change.set_before(Shown(*before, field));
    if (is) change.set_after(Shown(*after, field));
  }

  void Map(const FieldDescriptor& field, const Message* before, const Message* after,
           const std::string& path, bool forces) {
    std::vector<MapEntry> olds;
    std::vector<MapEntry> news;
    if (before != nullptr) olds = SortedEntries(*before, field);
    if (after != nullptr) news = SortedEntries(*after, field);
    std::set<std::string> keys = UnknownKeys(path);
    for (const MapEntry& entry : olds) keys.insert(entry.key);
    for (const MapEntry& entry : news) keys.insert(entry.key);
    for (const std::string& key : keys) {
      Entry(field, FindEntry(olds, key), FindEntry(news, key), absl::StrCat(path, "[", key, "]"),
            forces);
    }
  }

  void Entry(const FieldDescriptor& field, const Message* before, const Message* after,
             const std::string& path, bool forces) {
    const FieldDescriptor& value = *field.message_type()->map_value();
    if (IsUnknown(path)) {
      FieldChange& change = Add(path, forces);
      change.set_unknown(true);
      if (before != nullptr) change.set_before(FieldJson(*before, value));
      return;
    }
    if (IsScalar(value)) {
      const std::string old_json = before == nullptr ? "" : FieldJson(*before, value);
      const std::string new_json = after == nullptr ? "" : FieldJson(*after, value);
      if (old_json == new_json) return;
      FieldChange& change = Add(path, forces);
      if (before != nullptr) change.set_before(old_json);
      if (after != nullptr) change.set_after(new_json);
      return;
    }
    const auto value_of = [&](const Message* entry) {
      return entry == nullptr ? nullptr : &entry->GetReflection()->GetMessage(*entry, &value);
    };
    const std::size_t count = out_.size();
    Fields(*value.message_type(), value_of(before), value_of(after), path, false, forces);
    if ((before == nullptr) != (after == nullptr) && out_.size() == count) {
      FieldChange& change = Add(path, forces);
      if (before != nullptr) change.set_before(FieldJson(*before, value));
      if (after != nullptr) change.set_after(FieldJson(*after, value));
    }
  }

  // Keys of the map at `path` of which something is not known yet: "spec.ports[http].guest".
  std::set<std::string> UnknownKeys(const std::string& path) const {
    std::set<std::string> keys;
    const std::string start = absl::StrCat(path, "[");
    for (const std::string& unknown : unknown_) {
      if (!absl::StartsWith(unknown, start)) continue;
      const std::size_t end = unknown.find(']', start.size());
      if (end != std::string::npos) {
        keys.insert(unknown.substr(start.size(), end - start.size()));
      }
    }
    return keys;
  }

  const Message* const status_;
  const std::vector<std::string>& unknown_;
  std::vector<FieldChange>& out_;
};

const Message* StatusOrNull(const Resource& resource) {
  return resource.body_case() == kNoKind ? nullptr : &StatusOf(resource);
}

const Message* SpecOrNull(const Resource& resource) {
  return resource.body_case() == kNoKind ? nullptr : &SpecOf(resource);
}

}  // namespace

std::vector<FieldChange> Diff(const Resource& before, const Resource& after,
                              const std::vector<std::string>& unknown) {
  const Kind kind = before.body_case() != kNoKind ? before.body_case() : after.body_case();
  ESPALIER_CHECK(after.body_case() == kNoKind || after.body_case() == kind);
  std::vector<FieldChange> changes;
  Differ differ(StatusOrNull(before), unknown, changes);
  for (const char* name : {"labels", "annotations"}) {
    differ.Field(*v1::Metadata::descriptor()->FindFieldByName(name), &before.metadata(),
                 &after.metadata(), absl::StrCat("metadata.", name), false);
  }
  if (kind != kNoKind) {
    differ.Fields(*InfoOf(kind).spec, SpecOrNull(before), SpecOrNull(after), "spec", true, false);
  }
  std::sort(changes.begin(), changes.end(),
            [](const FieldChange& a, const FieldChange& b) { return a.path() < b.path(); });
  return changes;
}

std::string SpecHash(const Resource& resource) {
  std::string json;
  const std::unique_ptr<DocumentWriter> writer = MakeJsonWriter(Indent::kNone, json);
  writer->BeginMap();
  for (const char* name : {"labels", "annotations"}) {
    writer->Key(name);
    WriteField(resource.metadata(), *v1::Metadata::descriptor()->FindFieldByName(name), *writer);
  }
  if (resource.body_case() != kNoKind) {
    writer->Key("spec");
    WriteMessage(SpecOf(resource), *writer);
  }
  writer->EndMap();
  return Sha256Hex(json);
}

}  // namespace espalier
