// The one codec between objects and documents. Reading collects all problems with paths and
// positions; writing is canonical: fields in order of their numbers, maps sorted, integers as
// numbers, enums as lower-case names, SECRET fields left out. Pure, thread-safe.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "engine/base/limits.h"
#include "engine/model/kind.h"
#include "engine/model/node.h"
#include "engine/model/problem.h"

namespace espalier {

// Reads a document `{apiVersion, kind, metadata, spec[, status]}`. Checks names, types, ranges of
// the types and enum names; does not apply defaults and does not validate rules (see validate.h).
// Unknown fields are errors and name the nearest known one. `file` is put into the problems. No
// value when there were errors.
std::optional<Resource> Decode(const Node& document, absl::string_view file, Problems& problems);

// Reads the fields of `message` (a spec, say) from a map. `path` is the path of `node` in messages.
void DecodeMessage(const Node& node, absl::string_view path, absl::string_view file,
                   google::protobuf::Message& message, Problems& problems);

// Reads JSON text as a Node (positions are line and column of the text). Refuses duplicate keys,
// invalid UTF-8, trailing bytes, what is nested too deep, and texts above `max_bytes`.
std::optional<Node> ParseJson(absl::string_view text, absl::string_view file, Problems& problems,
                              std::size_t max_bytes = limits::kDocumentBytes);

// `apiVersion:` of every document.
inline constexpr char kApiVersion[] = "espalier/v1";

enum class Indent { kNone, kTwo };

// The object as JSON. With `status` unless told otherwise.
std::string ToJson(const Resource& resource, Indent indent, bool with_status = true);
// Any message of the model as JSON (plans, reports, pages).
std::string MessageToJson(const google::protobuf::Message& message, Indent indent);
// The object as a YAML document, without "---". Comments are not kept.
std::string ToYaml(const Resource& resource, bool with_status = true);

// A scalar field's value as text for people and tables: enum names in lower case, numbers plain.
std::string ScalarToText(const google::protobuf::Message& message,
                         const google::protobuf::FieldDescriptor& field);

}  // namespace espalier
