#include "engine/model/access.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "engine/base/check.h"
#include "engine/model/field.h"
#include "engine/model/maps.h"

namespace espalier {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

const Message& PartOf(const Resource& resource, const char* part) {
  ESPALIER_CHECK(resource.body_case() != kNoKind);
  const FieldDescriptor* body = InfoOf(resource.body_case()).body;
  const Message& object = resource.GetReflection()->GetMessage(resource, body);
  return object.GetReflection()->GetMessage(object, object.GetDescriptor()->FindFieldByName(part));
}

Message* MutablePartOf(Resource& resource, const char* part) {
  ESPALIER_CHECK(resource.body_case() != kNoKind);
  const FieldDescriptor* body = InfoOf(resource.body_case()).body;
  Message* object = resource.GetReflection()->MutableMessage(&resource, body);
  return object->GetReflection()->MutableMessage(object,
                                                 object->GetDescriptor()->FindFieldByName(part));
}

// Walks the fields that are set in a spec and adds the names in those with `ref`.
class Collector {
 public:
  Collector(const Ref& from, std::vector<Reference>& out) : from_(from), out_(out) {}

  void Walk(const Message& message, const std::string& path) {
    std::vector<const FieldDescriptor*> fields;
    const Reflection& reflection = *message.GetReflection();
    reflection.ListFields(message, &fields);
    for (const FieldDescriptor* field : fields) {
      const std::string at = absl::StrCat(path, ".", field->name());
      if (field->is_map()) {
        const FieldDescriptor* value = field->message_type()->map_value();
        if (value->message_type() == nullptr) continue;
        for (const MapEntry& entry : SortedEntries(message, *field)) {
          Walk(entry.entry->GetReflection()->GetMessage(*entry.entry, value),
               absl::StrCat(at, "[", entry.key, "]"));
        }
      } else if (field->message_type() != nullptr) {
        if (!field->is_repeated()) Walk(reflection.GetMessage(message, field), at);
      } else if (!RulesOf(*field).ref().empty()) {
        AddAll(message, *field, at);
      }
    }
  }

 private:
  void AddAll(const Message& message, const FieldDescriptor& field, const std::string& path) {
    const Reflection& reflection = *message.GetReflection();
    const KindInfo* kind = FindKind(RulesOf(field).ref());
    ESPALIER_CHECK(kind != nullptr);
    if (!field.is_repeated()) return Add(*kind, path, reflection.GetString(message, &field));
    for (int i = 0; i < reflection.FieldSize(message, &field); ++i) {
      Add(*kind, absl::StrCat(path, "[", i, "]"), reflection.GetRepeatedString(message, &field, i));
    }
  }

  void Add(const KindInfo& kind, const std::string& path, const std::string& name) {
    // What contains a slash is an OCI reference, a name never does.
    if (name.empty() || absl::StrContains(name, "/")) return;
    out_.push_back({path, {kind.kind, kind.namespaced ? from_.ns : "", name}});
  }

  const Ref& from_;
  std::vector<Reference>& out_;
};

}  // namespace

const Message& SpecOf(const Resource& resource) { return PartOf(resource, "spec"); }
Message* MutableSpec(Resource& resource) { return MutablePartOf(resource, "spec"); }
const Message& StatusOf(const Resource& resource) { return PartOf(resource, "status"); }
Message* MutableStatus(Resource& resource) { return MutablePartOf(resource, "status"); }

void SetKind(Resource& resource, Kind kind) {
  resource.Clear();
  resource.GetReflection()->MutableMessage(&resource, InfoOf(kind).body);
}

Members MembersOf(const Resource& resource) {
  const std::optional<MemberFields>& fields = InfoOf(resource.body_case()).members;
  ESPALIER_CHECK(fields.has_value());
  const Message& spec = SpecOf(resource);
  const Message& status = StatusOf(resource);
  Members members;
  if (spec.GetReflection()->HasField(spec, fields->wanted)) {
    members.wanted = spec.GetReflection()->GetUInt32(spec, fields->wanted);
  }
  members.running = status.GetReflection()->GetUInt32(status, fields->running);
  members.why = status.GetReflection()->GetString(status, fields->why);
  return members;
}

std::vector<Reference> ReferencesOf(const Resource& resource) {
  std::vector<Reference> references;
  if (resource.body_case() == kNoKind) return references;
  const Ref ref = RefOf(resource);
  if (!ref.ns.empty()) {
    references.push_back({"metadata.namespace", {Kind::kNamespace, "", ref.ns}});
  }
  Collector(ref, references).Walk(SpecOf(resource), "spec");
  return references;
}

}  // namespace espalier
