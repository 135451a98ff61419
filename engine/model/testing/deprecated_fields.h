// A message with deprecated fields of every sort, which the model's own need not have. Tests only.
#pragma once

#include <memory>

#include "absl/strings/string_view.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"

namespace espalier {

// Machine: `cpu` and `ports[].guest` are as fields are; deprecated are `cpus`, the list `tags`, the
// map `notes`, the message `disk` and, in a map of messages, `ports[].inside`. Without comments.
const google::protobuf::Descriptor& MachineWithDeprecatedFields();

// A Machine of protobuf's text form. Fails the program if it is none.
std::unique_ptr<google::protobuf::Message> MakeMachine(absl::string_view text);

}  // namespace espalier
