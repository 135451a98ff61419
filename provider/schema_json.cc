#include "provider/schema_json.h"

#include <map>
#include <memory>

#include "absl/strings/str_cat.h"
#include "engine/model/writer.h"

namespace espalier::provider {
namespace {

using tfplugin6::StringKind;
using Block = tfplugin6::Schema::Block;

// Writes one schema after the other. As core does it, what is false, zero or empty is left out.
class SchemaWriter {
 public:
  explicit SchemaWriter(DocumentWriter& out) : out_(out) {}

  void Write(const tfplugin6::Schema& schema) {
    out_.BeginMap();
    out_.Key("block");
    Write(schema.block());
    Number("version", schema.version());
    out_.EndMap();
  }

  // A protobuf map; left out when it is empty.
  template <typename Map>
  void Member(absl::string_view key, const Map& by_name) {
    if (by_name.empty()) return;
    std::map<std::string, const typename Map::mapped_type*> sorted;
    for (const auto& [name, value] : by_name) sorted[name] = &value;
    WriteSorted(key, sorted);
  }

 private:
  using Attribute = tfplugin6::Schema::Attribute;
  using NestedBlock = tfplugin6::Schema::NestedBlock;
  using Parameter = tfplugin6::Function::Parameter;
  using IdentityAttribute = tfplugin6::ResourceIdentitySchema::IdentityAttribute;

  void Write(const Block& block) {
    out_.BeginMap();
    Attributes(block.attributes());
    std::map<std::string, const NestedBlock*> blocks;
    for (const NestedBlock& nested : block.block_types()) blocks[nested.type_name()] = &nested;
    if (!blocks.empty()) WriteSorted("block_types", blocks);
    Flag("deprecated", block.deprecated());
    Text("deprecation_message", block.deprecation_message());
    Description(block.description(), block.description_kind());
    out_.EndMap();
  }

  // An action has no state, and so no version.
  void Write(const tfplugin6::ActionSchema& action) {
    out_.BeginMap();
    out_.Key("block");
    Write(action.schema().block());
    out_.EndMap();
  }

  void Write(const tfplugin6::Function& function) {
    out_.BeginMap();
    Text("deprecation_message", function.deprecation_message());
    Text("description", function.description());
    if (!function.parameters().empty()) {
      out_.Key("parameters");
      out_.BeginList();
      for (const Parameter& parameter : function.parameters()) Write(parameter);
      out_.EndList();
    }
    Type("return_type", function.return_().type());
    Text("summary", function.summary());
    if (function.has_variadic_parameter()) {
      out_.Key("variadic_parameter");
      Write(function.variadic_parameter());
    }
    out_.EndMap();
  }

  void Write(const Parameter& parameter) {
    out_.BeginMap();
    Text("description", parameter.description());
    Flag("is_nullable", parameter.allow_null_value());
    Text("name", parameter.name());
    Type("type", parameter.type());
    out_.EndMap();
  }

  void Write(const tfplugin6::ResourceIdentitySchema& identity) {
    out_.BeginMap();
    std::map<std::string, const IdentityAttribute*> sorted;
    for (const IdentityAttribute& attribute : identity.identity_attributes()) {
      sorted[attribute.name()] = &attribute;
    }
    WriteSorted("attributes", sorted);
    Number("version", identity.version());
    out_.EndMap();
  }

  void Write(const IdentityAttribute& attribute) {
    out_.BeginMap();
    Text("description", attribute.description());
    Flag("optional_for_import", attribute.optional_for_import());
    Flag("required_for_import", attribute.required_for_import());
    Type("type", attribute.type());
    out_.EndMap();
  }

  void Write(const NestedBlock& nested) {
    out_.BeginMap();
    out_.Key("block");
    Write(nested.block());
    if (nested.max_items() != 0) Number("max_items", nested.max_items());
    if (nested.min_items() != 0) Number("min_items", nested.min_items());
    out_.Member("nesting_mode", NameOf(nested.nesting()));
    out_.EndMap();
  }

  void Write(const Attribute& attribute) {
    out_.BeginMap();
    Flag("computed", attribute.computed());
    Flag("deprecated", attribute.deprecated());
    Text("deprecation_message", attribute.deprecation_message());
    Description(attribute.description(), attribute.description_kind());
    if (attribute.has_nested_type()) {
      out_.Key("nested_type");
      out_.BeginMap();
      Attributes(attribute.nested_type().attributes());
      out_.Member("nesting_mode",
                  NameOf(static_cast<NestedBlock::NestingMode>(attribute.nested_type().nesting())));
      out_.EndMap();
    }
    Flag("optional", attribute.optional());
    Flag("required", attribute.required());
    Flag("sensitive", attribute.sensitive());
    if (!attribute.type().empty()) Type("type", attribute.type());
    Flag("write_only", attribute.write_only());
    out_.EndMap();
  }

  template <typename Repeated>
  void Attributes(const Repeated& attributes) {
    std::map<std::string, const Attribute*> sorted;
    for (const Attribute& attribute : attributes) sorted[attribute.name()] = &attribute;
    if (!sorted.empty()) WriteSorted("attributes", sorted);
  }

  template <typename Value>
  void WriteSorted(absl::string_view key, const std::map<std::string, const Value*>& sorted) {
    out_.Key(key);
    out_.BeginMap();
    for (const auto& [name, value] : sorted) {
      out_.Key(name);
      Write(*value);
    }
    out_.EndMap();
  }

  void Description(absl::string_view text, StringKind kind) {
    Text("description", text);
    out_.Member("description_kind", kind == tfplugin6::MARKDOWN ? "markdown" : "plain");
  }
  void Text(absl::string_view key, absl::string_view text) {
    if (!text.empty()) out_.Member(key, text);
  }
  void Flag(absl::string_view key, bool value) {
    if (!value) return;
    out_.Key(key);
    out_.Bool(true);
  }
  void Number(absl::string_view key, std::int64_t value) {
    out_.Key(key);
    out_.Literal(absl::StrCat(value));
  }
  // The protocol writes types as JSON already.
  void Type(absl::string_view key, absl::string_view json) {
    out_.Key(key);
    out_.Literal(json);
  }

  // Nested attributes count the same modes by the same numbers.
  static absl::string_view NameOf(NestedBlock::NestingMode mode) {
    switch (mode) {
      case NestedBlock::SINGLE:
        return "single";
      case NestedBlock::LIST:
        return "list";
      case NestedBlock::SET:
        return "set";
      case NestedBlock::MAP:
        return "map";
      case NestedBlock::GROUP:
        return "group";
      default:
        return "invalid";
    }
  }

  DocumentWriter& out_;
};

}  // namespace

SchemaAnswers AskForSchemas(Provider& provider) {
  SchemaAnswers answers;
  provider.Handle(tfplugin6::GetProviderSchema::Request(), answers.schema);
  provider.Handle(tfplugin6::GetResourceIdentitySchemas::Request(), answers.identities);
  return answers;
}

std::string SchemaJson(const SchemaAnswers& answers) {
  const tfplugin6::GetProviderSchema::Response& schema = answers.schema;
  std::string json;
  const std::unique_ptr<DocumentWriter> out = MakeJsonWriter(Indent::kTwo, json);
  SchemaWriter writer(*out);
  out->BeginMap();
  writer.Member("action_schemas", schema.action_schemas());
  writer.Member("data_source_schemas", schema.data_source_schemas());
  writer.Member("ephemeral_resource_schemas", schema.ephemeral_resource_schemas());
  writer.Member("functions", schema.functions());
  writer.Member("list_resource_schemas", schema.list_resource_schemas());
  out->Key("provider");
  writer.Write(schema.provider());
  writer.Member("resource_identity_schemas", answers.identities.identity_schemas());
  writer.Member("resource_schemas", schema.resource_schemas());
  out->EndMap();
  return json + "\n";
}

}  // namespace espalier::provider
