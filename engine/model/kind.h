// Kinds: the list of kinds and what their options say, read from the oneof of Resource. Nothing
// registers itself: a kind is there because the oneof names it. Immutable, thread-safe.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "espalier/v1/resource.pb.h"

namespace espalier {

using Resource = v1::Resource;
using Kind = v1::Resource::BodyCase;
inline constexpr Kind kNoKind = v1::Resource::BODY_NOT_SET;

// The fields that count the members of an object that stands for a number of others.
struct MemberFields {
  // Of the spec: how many there shall be.
  const google::protobuf::FieldDescriptor* wanted = nullptr;
  // Of the status: how many run, and why others wait.
  const google::protobuf::FieldDescriptor* running = nullptr;
  const google::protobuf::FieldDescriptor* why = nullptr;
};

struct KindInfo {
  Kind kind = kNoKind;
  // "image_cache": the name in refs, YAML keys of other kinds, Terraform types.
  std::string name;
  // "ImageCache": `kind:` in YAML.
  std::string title;
  // "image_caches": REST paths.
  std::string plural;
  bool namespaced = false;
  // Further names for the command line.
  std::vector<std::string> aliases;
  // Names that always exist and are never deleted.
  std::vector<std::string> builtin;
  // Deletion waits for the kind's controller.
  bool finalized = false;
  // There is no other object of the kind than the builtin ones.
  bool only_builtin = false;
  // Git may not declare it.
  bool not_from_git = false;
  // Its objects have members.
  std::optional<MemberFields> members;
  const google::protobuf::FieldDescriptor* body = nullptr;
  const google::protobuf::Descriptor* spec = nullptr;
  const google::protobuf::Descriptor* status = nullptr;
};

// All kinds, in the order of their oneof numbers.
absl::Span<const KindInfo> AllKinds();

// What is known of a kind. REQUIRES: kind != kNoKind.
const KindInfo& InfoOf(Kind kind);

// The kind that has this name: snake_case, CamelCase, plural or alias, whatever the case. Null if
// none.
const KindInfo* FindKind(absl::string_view name);

}  // namespace espalier
