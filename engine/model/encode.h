// Writing messages of the model, for the codec and for what is hashed or compared. Internal to the
// model.
#pragma once

#include <string>

#include "engine/model/writer.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"

namespace espalier {

// The fields of `message` that are set, in the order of their numbers, as a map. A Resource is
// written as its document, a timestamp as a string; SECRET fields are left out.
void WriteMessage(const google::protobuf::Message& message, DocumentWriter& writer);

// The value of a field (a list or map if it is repeated). REQUIRES: it is not SECRET.
void WriteField(const google::protobuf::Message& message,
                const google::protobuf::FieldDescriptor& field, DocumentWriter& writer);

// The same as JSON in one line.
std::string FieldJson(const google::protobuf::Message& message,
                      const google::protobuf::FieldDescriptor& field);

}  // namespace espalier
