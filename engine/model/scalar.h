// Scalars: between the text of one in a document and the field that holds it. Internal to the
// model.
#pragma once

#include <string>

#include "engine/model/node.h"
#include "engine/model/writer.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"

namespace espalier {

// Whether the field's values are written as scalars: everything but messages, and timestamps.
bool IsScalar(const google::protobuf::FieldDescriptor& field);
bool IsTimestamp(const google::protobuf::FieldDescriptor& field);

// Stores `text`, written as a scalar of `type`, in the field, or adds it if the field is repeated.
// Empty if that was done; otherwise what is wrong with it, for people, and nothing is stored.
// REQUIRES: IsScalar(field).
std::string StoreScalar(google::protobuf::Message& message,
                        const google::protobuf::FieldDescriptor& field, Node::Type type,
                        const std::string& text);

// Writes a value of the field: the one at `index` if it is repeated. REQUIRES: IsScalar(field).
void WriteScalar(const google::protobuf::Message& message,
                 const google::protobuf::FieldDescriptor& field, int index, DocumentWriter& writer);

// A scalar with the text that stands for it in tables; strings as they are. REQUIRES:
// IsScalar(field).
std::string TextOf(const google::protobuf::Message& message,
                   const google::protobuf::FieldDescriptor& field, int index);

}  // namespace espalier
