#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "engine/base/check.h"
#include "engine/model/access.h"
#include "engine/model/codec.h"
#include "engine/model/field.h"
#include "engine/model/ref.h"
#include "engine/model/scalar.h"
#include "engine/model/validate.h"

namespace espalier {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::OneofDescriptor;
using google::protobuf::Reflection;

constexpr char kInvalid[] = "invalid_value";
constexpr char kUnknownField[] = "unknown_field";

std::string UnknownFieldMessage(const std::string& name, const std::vector<std::string>& known) {
  const std::string nearest = Nearest(name, known);
  return absl::StrCat("there is no field \"", name, "\" here; ",
                      nearest.empty() ? absl::StrCat("known are ", absl::StrJoin(known, ", "))
                                      : absl::StrCat("did you mean \"", nearest, "\"?"));
}

class Decoder {
 public:
  Decoder(absl::string_view file, Problems& problems) : file_(file), problems_(problems) {}

  void Error(const Node& node, ProblemCode code, absl::string_view path,
             absl::string_view message) {
    Place(problems_.Error(code, path, message), node.line, node.column);
  }
  void KeyError(const Node& value, ProblemCode code, absl::string_view path,
                absl::string_view message) {
    const bool has_key = value.key_line > 0;
    Place(problems_.Error(code, path, message), has_key ? value.key_line : value.line,
          has_key ? value.key_column : value.column);
  }

  void DecodeMap(const Node& node, const std::string& path, Message& message) {
    const Descriptor& type = *message.GetDescriptor();
    if (node.type != Node::Type::kMap) {
      return Error(node, kInvalid, path, "must be a map of fields");
    }
    for (const auto& [key, value] : node.entries) {
      const std::string at = path.empty() ? key : absl::StrCat(path, ".", key);
      const FieldDescriptor* field = type.FindFieldByName(key);
      if (field == nullptr) {
        KeyError(value, kUnknownField, at, UnknownFieldMessage(key, FieldNames(type)));
      } else if (IsSecondOfOneof(message, *field)) {
        KeyError(value, kInvalid, at,
                 absl::StrCat("only one of ", OneofNames(*field), " may be given"));
      } else {
        DecodeField(value, at, *field, message);
      }
    }
  }

 private:
  void Place(Problem& problem, int line, int column) {
    problem.set_file(file_);
    problem.set_line(line);
    problem.set_column(column);
  }

  static std::vector<std::string> FieldNames(const Descriptor& type) {
    std::vector<std::string> names;
    for (int i = 0; i < type.field_count(); ++i) names.push_back(type.field(i)->name());
    return names;
  }

  static bool IsSecondOfOneof(const Message& message, const FieldDescriptor& field) {
    const OneofDescriptor* oneof = field.real_containing_oneof();
    return oneof != nullptr && message.GetReflection()->HasOneof(message, oneof);
  }

  static std::string OneofNames(const FieldDescriptor& field) {
    std::vector<std::string> names;
    const OneofDescriptor* oneof = field.real_containing_oneof();
    for (int i = 0; i < oneof->field_count(); ++i) names.push_back(oneof->field(i)->name());
    return absl::StrJoin(names, ", ");
  }

  void DecodeField(const Node& node, const std::string& path, const FieldDescriptor& field,
                   Message& message) {
    if (field.is_map()) {
      DecodeEntries(node, path, field, message);
    } else if (field.is_repeated()) {
      DecodeItems(node, path, field, message);
    } else if (IsScalar(field)) {
      DecodeScalar(node, path, field, message);
    } else {
      DecodeMap(node, path, *message.GetReflection()->MutableMessage(&message, &field));
    }
  }

  void DecodeScalar(const Node& node, const std::string& path, const FieldDescriptor& field,
                    Message& message) {
    const std::string wrong = StoreScalar(message, field, node.type, node.text);
    if (wrong.empty()) return;
    // Elsewhere people are shown what they wrote.
    const bool hidden = Has(RulesOf(field), v1::FieldRules::SECRET);
    Error(node, kInvalid, path, hidden ? "must be a string; write it in quotes" : wrong);
  }

  void DecodeEntries(const Node& node, const std::string& path, const FieldDescriptor& field,
                     Message& message) {
    if (node.type != Node::Type::kMap) return Error(node, kInvalid, path, "must be a map");
    if (node.entries.empty()) return Error(node, kInvalid, path, "is empty; leave the field out");
    const FieldDescriptor& key_field = *field.message_type()->map_key();
    const FieldDescriptor& value_field = *field.message_type()->map_value();
    ESPALIER_CHECK(key_field.cpp_type() == FieldDescriptor::CPPTYPE_STRING);
    for (const auto& [key, value] : node.entries) {
      Message* entry = message.GetReflection()->AddMessage(&message, &field);
      entry->GetReflection()->SetString(entry, &key_field, key);
      DecodeField(value, absl::StrCat(path, "[", key, "]"), value_field, *entry);
    }
  }

  void DecodeItems(const Node& node, const std::string& path, const FieldDescriptor& field,
                   Message& message) {
    if (node.type != Node::Type::kList) return Error(node, kInvalid, path, "must be a list");
    if (node.items.empty()) return Error(node, kInvalid, path, "is empty; leave the field out");
    for (std::size_t i = 0; i < node.items.size(); ++i) {
      const std::string at = absl::StrCat(path, "[", i, "]");
      if (IsScalar(field)) {
        DecodeScalar(node.items[i], at, field, message);
      } else {
        DecodeMap(node.items[i], at, *message.GetReflection()->AddMessage(&message, &field));
      }
    }
  }

  const std::string file_;
  Problems& problems_;
};

bool IsGiven(const Node* node) { return node != nullptr && node->type != Node::Type::kNull; }

const KindInfo* DecodeKind(const Node& document, Decoder& decoder) {
  const Node* node = document.Find("kind");
  if (!IsGiven(node)) {
    decoder.Error(document, "missing_field", "kind", "is required");
    return nullptr;
  }
  std::vector<std::string> titles;
  for (const KindInfo& info : AllKinds()) {
    if (node->type == Node::Type::kString && info.title == node->text) return &info;
    titles.push_back(info.title);
  }
  const KindInfo* meant = FindKind(node->text);
  const std::string nearest = meant != nullptr ? meant->title : Nearest(node->text, titles);
  decoder.Error(
      *node, "unknown_kind", "kind",
      absl::StrCat("there is no kind \"", node->text, "\"; ",
                   nearest.empty() ? absl::StrCat("known are ", absl::StrJoin(titles, ", "))
                                   : absl::StrCat("did you mean ", nearest, "?")));
  return nullptr;
}

void DecodeMetadata(const Node& document, Decoder& decoder, v1::Metadata& metadata) {
  const Node* node = document.Find("metadata");
  if (!IsGiven(node)) return;
  // What the engine sets is read and dropped: people feed back what `get -o yaml` printed.
  v1::Metadata all;
  decoder.DecodeMap(*node, "metadata", all);
  metadata.set_name(all.name());
  metadata.set_namespace_(all.namespace_());
  *metadata.mutable_labels() = all.labels();
  *metadata.mutable_annotations() = all.annotations();
}

void CheckTopLevel(const Node& document, Decoder& decoder) {
  static const std::vector<std::string>& known =
      *new std::vector<std::string>{"apiVersion", "kind", "metadata", "spec", "status"};
  for (const auto& [key, value] : document.entries) {
    if (std::find(known.begin(), known.end(), key) != known.end()) continue;
    decoder.KeyError(value, kUnknownField, key, UnknownFieldMessage(key, known));
  }
  const Node* version = document.Find("apiVersion");
  if (!IsGiven(version)) {
    decoder.Error(document, "missing_field", "apiVersion",
                  absl::StrCat("is required: ", kApiVersion));
  } else if (version->type != Node::Type::kString || version->text != kApiVersion) {
    decoder.Error(*version, kInvalid, "apiVersion", absl::StrCat("must be ", kApiVersion));
  }
}

}  // namespace

std::optional<Resource> Decode(const Node& document, absl::string_view file, Problems& problems) {
  Problems found;
  Decoder decoder(file, found);
  Resource resource;
  if (document.type != Node::Type::kMap) {
    decoder.Error(document, kInvalid, "", "must be a map with apiVersion, kind, metadata and spec");
  } else {
    CheckTopLevel(document, decoder);
    const KindInfo* kind = DecodeKind(document, decoder);
    if (kind != nullptr) SetKind(resource, kind->kind);
    DecodeMetadata(document, decoder, *resource.mutable_metadata());
    const Node* spec = document.Find("spec");
    if (kind != nullptr) {
      Message* message = MutableSpec(resource);
      if (IsGiven(spec)) decoder.DecodeMap(*spec, "spec", *message);
    }
  }
  if (resource.body_case() != kNoKind && !resource.metadata().name().empty()) {
    const v1::Ref ref = ToProto(RefOf(resource));
    for (Problem& problem : found.list()) *problem.mutable_ref() = ref;
  }
  problems.Append(found);
  if (found.HasErrors()) return std::nullopt;
  return resource;
}

void DecodeMessage(const Node& node, absl::string_view path, absl::string_view file,
                   Message& message, Problems& problems) {
  Decoder(file, problems).DecodeMap(node, std::string(path), message);
}

}  // namespace espalier
