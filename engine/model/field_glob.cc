#include "engine/model/field_glob.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "engine/base/check.h"
#include "engine/model/access.h"
#include "engine/model/maps.h"
#include "engine/model/scalar.h"
#include "engine/model/validate.h"

namespace espalier {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;
using Parts = absl::Span<const FieldGlob::Part>;

// What of an object's metadata a declaration says.
constexpr const char* kDeclaredMetadata[] = {"labels", "annotations"};

bool Names(const FieldGlob::Part& part, absl::string_view name) {
  return part.is_any || part.name == name;
}

// Keys may hold dots and brackets: one ends where a bracket is followed by another part or nothing.
std::size_t EndOfKey(absl::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != ']') continue;
    if (i + 1 == text.size() || text[i + 1] == '.' || text[i + 1] == '[') return i;
  }
  return absl::string_view::npos;
}

// Whether the fields exist.
class Finder {
 public:
  // Why `parts` name no field below `type`, which stands at `path`.
  static std::string Fields(const Descriptor& type, Parts parts, const std::string& path) {
    if (parts.empty()) return "";
    const FieldGlob::Part& part = parts.front();
    if (part.is_key) return absl::StrCat(path, " is no map: a field stands behind a dot");
    if (part.is_any) {
      std::string why = absl::StrCat(path, " has no fields");
      for (int i = 0; i < type.field_count(); ++i) {
        why = Field(*type.field(i), parts.subspan(1), absl::StrCat(path, ".*"));
        if (why.empty()) return "";
      }
      return why;
    }
    const FieldDescriptor* field = type.FindFieldByName(part.name);
    if (field != nullptr) {
      return Field(*field, parts.subspan(1), absl::StrCat(path, ".", part.name));
    }
    std::vector<std::string> names;
    for (int i = 0; i < type.field_count(); ++i) names.push_back(type.field(i)->name());
    const std::string nearest = Nearest(part.name, names);
    return absl::StrCat("there is no field \"", part.name, "\" in ", path,
                        nearest.empty() ? "" : absl::StrCat("; did you mean ", nearest, "?"));
  }

  static std::string Field(const FieldDescriptor& field, Parts parts, const std::string& path) {
    if (parts.empty()) return "";
    if (field.is_map()) {
      if (!parts.front().is_key) return absl::StrCat(path, " is a map: name an entry as [key]");
      const FieldDescriptor& value = *field.message_type()->map_value();
      parts.remove_prefix(1);
      if (parts.empty()) return "";
      if (!IsScalar(value)) return Fields(*value.message_type(), parts, path + "[*]");
      return absl::StrCat(path, "[*] has no fields");
    }
    if (field.is_repeated()) return absl::StrCat(path, " is a list, which is one value");
    if (IsScalar(field)) return absl::StrCat(path, " has no fields");
    return Fields(*field.message_type(), parts, path);
  }
};

// Copies between two messages of one type.
class Keeper {
 public:
  static void Fields(Parts parts, const Message& from, Message& to) {
    const Descriptor& type = *from.GetDescriptor();
    for (int i = 0; i < type.field_count(); ++i) {
      if (Names(parts.front(), type.field(i)->name())) {
        Field(*type.field(i), parts.subspan(1), from, to);
      }
    }
  }

  static void Field(const FieldDescriptor& field, Parts parts, const Message& from, Message& to) {
    if (parts.empty()) return CopyField(field, from, to);
    if (field.is_map()) return Entries(field, parts, from, to);
    if (field.is_repeated() || IsScalar(field)) return;
    const bool both =
        from.GetReflection()->HasField(from, &field) && to.GetReflection()->HasField(to, &field);
    if (!both) return;
    Fields(parts, from.GetReflection()->GetMessage(from, &field),
           *to.GetReflection()->MutableMessage(&to, &field));
  }

 private:
  static void CopyField(const FieldDescriptor& field, const Message& from, Message& to) {
    // A copy of all with everything else taken out of it: what MergeFrom then brings is this field.
    const std::unique_ptr<Message> only(from.New());
    only->CopyFrom(from);
    std::vector<const FieldDescriptor*> there;
    only->GetReflection()->ListFields(*only, &there);
    for (const FieldDescriptor* other : there) {
      if (other != &field) only->GetReflection()->ClearField(only.get(), other);
    }
    to.GetReflection()->ClearField(&to, &field);
    to.MergeFrom(*only);
  }

  static int IndexOf(const Message& message, const FieldDescriptor& field, const std::string& key) {
    const Reflection& reflection = *message.GetReflection();
    const FieldDescriptor* key_field = field.message_type()->map_key();
    for (int i = 0; i < reflection.FieldSize(message, &field); ++i) {
      const Message& entry = reflection.GetRepeatedMessage(message, &field, i);
      if (entry.GetReflection()->GetString(entry, key_field) == key) return i;
    }
    return -1;
  }

  static void Entries(const FieldDescriptor& field, Parts parts, const Message& from, Message& to) {
    if (!parts.front().is_key) return;
    const Parts rest = parts.subspan(1);
    const Reflection& reflection = *to.GetReflection();
    const FieldDescriptor& value = *field.message_type()->map_value();
    const std::vector<MapEntry> kept = SortedEntries(from, field);
    if (rest.empty()) {
      for (int i = reflection.FieldSize(to, &field) - 1; i >= 0; --i) {
        const Message& entry = reflection.GetRepeatedMessage(to, &field, i);
        const std::string key =
            entry.GetReflection()->GetString(entry, field.message_type()->map_key());
        if (!Names(parts.front(), key)) continue;
        reflection.SwapElements(&to, &field, i, reflection.FieldSize(to, &field) - 1);
        reflection.RemoveLast(&to, &field);
      }
      for (const MapEntry& entry : kept) {
        if (Names(parts.front(), entry.key)) {
          reflection.AddMessage(&to, &field)->CopyFrom(*entry.entry);
        }
      }
      return;
    }
    if (IsScalar(value)) return;
    for (const MapEntry& entry : kept) {
      const int index = Names(parts.front(), entry.key) ? IndexOf(to, field, entry.key) : -1;
      if (index < 0) continue;
      Message& standing = *reflection.MutableRepeatedMessage(&to, &field, index);
      Fields(rest, entry.entry->GetReflection()->GetMessage(*entry.entry, &value),
             *standing.GetReflection()->MutableMessage(&standing, &value));
    }
  }
};

const FieldDescriptor* MetadataField(const FieldGlob::Part& part) {
  for (const char* name : kDeclaredMetadata) {
    if (!part.is_key && part.name == name) return v1::Metadata::descriptor()->FindFieldByName(name);
  }
  return nullptr;
}

}  // namespace

absl::StatusOr<FieldGlob> ParseFieldGlob(absl::string_view text) {
  const auto no_path = [&] {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", text,
                     "\" is no path of a field such as spec.ports[*].guest, in which * stands for "
                     "one whole part"));
  };
  if (text.empty()) return no_path();
  FieldGlob glob;
  absl::string_view rest = text;
  while (!rest.empty()) {
    FieldGlob::Part part;
    part.is_key = rest.front() == '[';
    if (part.is_key) {
      rest.remove_prefix(1);
      const std::size_t end = EndOfKey(rest);
      if (end == absl::string_view::npos) {
        return absl::InvalidArgumentError(absl::StrCat("\"", text, "\" has a [ without its ]"));
      }
      part.name = std::string(rest.substr(0, end));
      rest.remove_prefix(end + 1);
    } else {
      if (!glob.parts.empty()) rest.remove_prefix(1);
      part.name = std::string(rest.substr(0, rest.find_first_of(".[")));
      rest.remove_prefix(part.name.size());
    }
    part.is_any = part.name == "*";
    const bool is_whole = part.is_any || part.name.find('*') == std::string::npos;
    if (part.name.empty() || !is_whole) return no_path();
    glob.parts.push_back(std::move(part));
  }
  if (glob.parts.size() < 2 || (glob.parts[0].name != "spec" && glob.parts[0].name != "metadata")) {
    return absl::InvalidArgumentError(absl::StrCat(
        "\"", text, "\" must begin with spec., metadata.labels or metadata.annotations"));
  }
  return glob;
}

std::string WhyNoSuchField(const FieldGlob& glob, const KindInfo& kind) {
  ESPALIER_CHECK(glob.parts.size() >= 2);
  const Parts parts = absl::MakeConstSpan(glob.parts).subspan(1);
  if (glob.parts[0].name == "spec") return Finder::Fields(*kind.spec, parts, kind.name + ".spec");
  const FieldDescriptor* field = MetadataField(parts.front());
  if (field == nullptr) return "of metadata only labels and annotations are declared";
  return Finder::Field(*field, parts.subspan(1), absl::StrCat("metadata.", field->name()));
}

void KeepFields(const std::vector<FieldGlob>& globs, const Resource& from, Resource& to) {
  for (const FieldGlob& glob : globs) {
    const Parts parts = absl::MakeConstSpan(glob.parts).subspan(1);
    if (glob.parts[0].name == "spec") {
      Keeper::Fields(parts, SpecOf(from), *MutableSpec(to));
    } else if (const FieldDescriptor* field = MetadataField(parts.front()); field != nullptr) {
      Keeper::Field(*field, parts.subspan(1), from.metadata(), *to.mutable_metadata());
    }
  }
}

}  // namespace espalier
