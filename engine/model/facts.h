// FieldFacts: what the options and comments beside a field say, in words for people. The
// explanations of the command line and the reference pages are made of them. Pure, thread-safe.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "google/protobuf/descriptor.h"

namespace espalier {

struct FieldFacts {
  std::string name;
  // "integer", "string", "list of strings", "map of objects", "on | off".
  std::string type;
  // As it would be written; empty if there is none.
  std::string default_value;
  // "1 to 128", "1 to 512 bytes", "up to 16 entries"; empty if nothing bounds it.
  std::string range;
  // What its text must match; empty if anything goes.
  std::string pattern;
  // The same of the keys of a map.
  std::string key_pattern;
  // "the name of an Image, or an OCI reference"; empty if it refers to nothing.
  std::string refers_to;
  // "required", "immutable", "disruptive", "secret", "stable", "deprecated", and "one of a, b" for
  // a group of which exactly one is given.
  std::vector<std::string> notes;
  std::string comment;
  // The message whose fields stand below this one; null for scalars.
  const google::protobuf::Descriptor* below = nullptr;
  // For enums, each value with its comment.
  std::vector<std::pair<std::string, std::string>> values;
};

FieldFacts FactsOf(const google::protobuf::FieldDescriptor& field);
std::vector<FieldFacts> FactsOf(const google::protobuf::Descriptor& message);

}  // namespace espalier
