#include "engine/model/testing/deprecated_fields.h"

#include <string>

#include "engine/base/check.h"
#include "google/protobuf/descriptor.pb.h"
#include "google/protobuf/dynamic_message.h"
#include "google/protobuf/io/tokenizer.h"
#include "google/protobuf/text_format.h"

namespace espalier {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::DescriptorPool;
using google::protobuf::DynamicMessageFactory;
using google::protobuf::FileDescriptorProto;
using google::protobuf::Message;
using google::protobuf::TextFormat;

// As protoc describes a file; map entries are messages of their own there.
constexpr char kFile[] = R"(
  name: "espalier/testing/machine.proto" package: "espalier.testing" syntax: "proto3"
  message_type {
    name: "Disk"
    field { name: "gib" number: 1 type: TYPE_UINT32 label: LABEL_OPTIONAL }
  }
  message_type {
    name: "Port"
    field { name: "guest" number: 1 type: TYPE_UINT32 label: LABEL_OPTIONAL proto3_optional: true
            oneof_index: 0 }
    field { name: "inside" number: 2 type: TYPE_UINT32 label: LABEL_OPTIONAL proto3_optional: true
            oneof_index: 1 options { deprecated: true } }
    oneof_decl { name: "_guest" }
    oneof_decl { name: "_inside" }
  }
  message_type {
    name: "Machine"
    field { name: "cpu" number: 1 type: TYPE_UINT32 label: LABEL_OPTIONAL proto3_optional: true
            oneof_index: 0 }
    field { name: "cpus" number: 2 type: TYPE_UINT32 label: LABEL_OPTIONAL proto3_optional: true
            oneof_index: 1 options { deprecated: true } }
    field { name: "tags" number: 3 type: TYPE_STRING label: LABEL_REPEATED
            options { deprecated: true } }
    field { name: "notes" number: 4 type: TYPE_MESSAGE label: LABEL_REPEATED
            type_name: ".espalier.testing.Machine.NotesEntry" options { deprecated: true } }
    field { name: "disk" number: 5 type: TYPE_MESSAGE label: LABEL_OPTIONAL
            type_name: ".espalier.testing.Disk" options { deprecated: true } }
    field { name: "ports" number: 6 type: TYPE_MESSAGE label: LABEL_REPEATED
            type_name: ".espalier.testing.Machine.PortsEntry" }
    nested_type {
      name: "NotesEntry" options { map_entry: true }
      field { name: "key" number: 1 type: TYPE_STRING label: LABEL_OPTIONAL }
      field { name: "value" number: 2 type: TYPE_STRING label: LABEL_OPTIONAL }
    }
    nested_type {
      name: "PortsEntry" options { map_entry: true }
      field { name: "key" number: 1 type: TYPE_STRING label: LABEL_OPTIONAL }
      field { name: "value" number: 2 type: TYPE_MESSAGE label: LABEL_OPTIONAL
              type_name: ".espalier.testing.Port" }
    }
    oneof_decl { name: "_cpu" }
    oneof_decl { name: "_cpus" }
  }
)";

// Keeps the parser from telling stderr that fields are deprecated.
class Silence : public google::protobuf::io::ErrorCollector {
 public:
  void AddError(int /*line*/, int /*column*/, const std::string& /*message*/) override {}
};

}  // namespace

const Descriptor& MachineWithDeprecatedFields() {
  static const Descriptor& machine = *[] {
    FileDescriptorProto file;
    ESPALIER_CHECK(TextFormat::ParseFromString(kFile, &file));
    auto* pool = new DescriptorPool();
    ESPALIER_CHECK(pool->BuildFile(file) != nullptr);
    return pool->FindMessageTypeByName("espalier.testing.Machine");
  }();
  return machine;
}

std::unique_ptr<Message> MakeMachine(absl::string_view text) {
  // Makes the types of the messages, which may not outlive it.
  static DynamicMessageFactory& factory = *new DynamicMessageFactory();
  std::unique_ptr<Message> machine(factory.GetPrototype(&MachineWithDeprecatedFields())->New());
  Silence silence;
  TextFormat::Parser parser;
  parser.RecordErrorsTo(&silence);
  ESPALIER_CHECK(parser.ParseFromString(std::string(text), machine.get()));
  return machine;
}

}  // namespace espalier
