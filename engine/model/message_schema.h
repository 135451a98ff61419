// The JSON Schema of one message of the model, for JsonSchemaOf and OpenApiJson. Internal to the
// model.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/model/kind.h"
#include "engine/model/writer.h"

namespace espalier {

// Writes schemas; messages refer to each other below `ref_prefix` ("#/$defs/").
class SchemaEmitter {
 public:
  SchemaEmitter(std::string ref_prefix, DocumentWriter& writer)
      : ref_prefix_(std::move(ref_prefix)), writer_(writer) {}

  // What a message is part of: documents have no empty lists, answers of the engine may.
  enum class Use { kDocument, kAnswer };
  // {"type": "object", ...} with all fields of the message.
  void Message(const google::protobuf::Descriptor& message, Use use = Use::kDocument);
  // The document of a kind: apiVersion, kind, metadata, spec, status.
  void Document(const KindInfo& kind);
  // {"$ref": ...} to the message, with a description unless it is empty.
  void Reference(const std::string& name, const std::string& description, bool deprecated = false);

 private:
  void Field(const google::protobuf::FieldDescriptor& field);
  void Metadata(const google::protobuf::FieldDescriptor& field);
  void Map(const google::protobuf::FieldDescriptor& field);
  void List(const google::protobuf::FieldDescriptor& field);
  void Scalar(const google::protobuf::FieldDescriptor& field, bool with_bounds);
  void Required(const google::protobuf::Descriptor& message);
  void Number(const char* key, std::int64_t value);
  void True(const char* key);
  void Pattern(const char* key, const std::string& pattern);

  const std::string ref_prefix_;
  DocumentWriter& writer_;
  Use use_ = Use::kDocument;
};

// The name of a message in schemas: "VmSpec"; those of nested ones are joined.
std::string SchemaName(const google::protobuf::Descriptor& message);

// All messages that the fields of `message` contain, itself first, each once. Timestamps are
// scalars, and what lies below a Resource is not visited: it is written as a document.
void CollectMessages(const google::protobuf::Descriptor& message,
                     std::vector<const google::protobuf::Descriptor*>& out);

}  // namespace espalier
