#include "engine/model/secret_fields.h"

#include <set>

#include "absl/strings/str_cat.h"
#include "engine/model/access.h"

namespace espalier {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

// Adds the message if a SecretRef is somewhere below it. No message of the model holds itself.
bool FindHolders(const Descriptor& message, std::set<const Descriptor*>& holders) {
  if (&message == v1::SecretRef::descriptor()) return true;
  bool holds = false;
  for (int i = 0; i < message.field_count(); ++i) {
    const FieldDescriptor& field = *message.field(i);
    if (field.message_type() == nullptr) continue;
    // The entry of a map is a message like any other.
    if (FindHolders(*field.message_type(), holders)) holds = true;
  }
  if (holds) holders.insert(&message);
  return holds;
}

// The messages that have a SecretRef somewhere below them: what is in no such message need not be
// looked at.
const std::set<const Descriptor*>& Holders() {
  static const std::set<const Descriptor*>& holders = *[] {
    auto* found = new std::set<const Descriptor*>;
    for (const KindInfo& kind : AllKinds()) FindHolders(*kind.spec, *found);
    return found;
  }();
  return holders;
}

// Walks a const message or one that may be changed: the two differ in how they go down.
template <typename AnyMessage, typename AnySecret>
class Walker {
 public:
  using Visit = absl::FunctionRef<void(const std::string& path, AnySecret& secret)>;
  explicit Walker(Visit visit) : visit_(visit) {}

  void Walk(AnyMessage& message, const std::string& path) {
    if (message.GetDescriptor() == v1::SecretRef::descriptor()) {
      return visit_(path, static_cast<AnySecret&>(message));
    }
    if (!Holders().contains(message.GetDescriptor())) return;
    const Reflection& reflection = *message.GetReflection();
    for (int i = 0; i < message.GetDescriptor()->field_count(); ++i) {
      const FieldDescriptor& field = *message.GetDescriptor()->field(i);
      if (field.message_type() == nullptr) continue;
      const std::string at = absl::StrCat(path, ".", field.name());
      if (!field.is_repeated()) {
        if (reflection.HasField(message, &field)) Walk(Below(message, field), at);
        continue;
      }
      for (int j = 0; j < reflection.FieldSize(message, &field); ++j) {
        AnyMessage& item = Below(message, field, j);
        if (field.is_map()) {
          const FieldDescriptor& value = *field.message_type()->map_value();
          if (value.message_type() == nullptr) break;
          const FieldDescriptor& key = *field.message_type()->map_key();
          Walk(Below(item, value),
               absl::StrCat(at, "[", item.GetReflection()->GetString(item, &key), "]"));
        } else {
          Walk(item, absl::StrCat(at, "[", j, "]"));
        }
      }
    }
  }

 private:
  static const Message& Below(const Message& message, const FieldDescriptor& field) {
    return message.GetReflection()->GetMessage(message, &field);
  }
  static Message& Below(Message& message, const FieldDescriptor& field) {
    return *message.GetReflection()->MutableMessage(&message, &field);
  }
  static const Message& Below(const Message& message, const FieldDescriptor& field, int index) {
    return message.GetReflection()->GetRepeatedMessage(message, &field, index);
  }
  static Message& Below(Message& message, const FieldDescriptor& field, int index) {
    return *message.GetReflection()->MutableRepeatedMessage(&message, &field, index);
  }

  const Visit visit_;
};

}  // namespace

void VisitSecrets(
    const Resource& resource,
    absl::FunctionRef<void(const std::string& path, const v1::SecretRef& secret)> visit) {
  if (resource.body_case() == kNoKind) return;
  Walker<const Message, const v1::SecretRef>(visit).Walk(SpecOf(resource), "spec");
}

void VisitSecrets(Resource& resource,
                  absl::FunctionRef<void(const std::string& path, v1::SecretRef& secret)> visit) {
  if (resource.body_case() == kNoKind) return;
  // Getting at a spec to change it makes one.
  if (!Holders().contains(InfoOf(resource.body_case()).spec)) return;
  Walker<Message, v1::SecretRef>(visit).Walk(*MutableSpec(resource), "spec");
}

}  // namespace espalier
