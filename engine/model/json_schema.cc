#include "engine/model/schema.h"

#include "absl/strings/str_cat.h"
#include "engine/model/message_schema.h"

namespace espalier {

std::string JsonSchemaOf(const KindInfo& kind) {
  std::string json;
  const std::unique_ptr<DocumentWriter> writer = MakeJsonWriter(Indent::kTwo, json);
  SchemaEmitter emitter("#/$defs/", *writer);
  writer->BeginMap();
  writer->Member("$schema", "https://json-schema.org/draft/2020-12/schema");
  writer->Member("$id", absl::StrCat("urn:espalier:v1:", kind.name));
  emitter.Document(kind);
  std::vector<const google::protobuf::Descriptor*> messages;
  CollectMessages(*v1::Metadata::descriptor(), messages);
  CollectMessages(*kind.spec, messages);
  CollectMessages(*kind.status, messages);
  writer->Key("$defs");
  writer->BeginMap();
  for (const auto* message : messages) {
    writer->Key(SchemaName(*message));
    emitter.Message(*message);
  }
  writer->EndMap();
  writer->EndMap();
  return json + "\n";
}

}  // namespace espalier
