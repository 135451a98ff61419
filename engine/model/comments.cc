// The comments of the protos, looked up by name.
#include "schemas/comments.h"

#include <algorithm>

#include "engine/model/field.h"
#include "google/protobuf/descriptor.h"

namespace espalier {
namespace {

std::string CommentOf(const std::string& full_name) {
  const ProtoComment* end = kProtoComments + kProtoCommentCount;
  const ProtoComment* found = std::lower_bound(
      kProtoComments, end, full_name, [](const ProtoComment& comment, const std::string& name) {
        return name.compare(comment.full_name) > 0;
      });
  return found != end && full_name == found->full_name ? found->text : "";
}

}  // namespace

std::string CommentOf(const google::protobuf::FieldDescriptor& field) {
  return CommentOf(field.full_name());
}

std::string CommentOf(const google::protobuf::Descriptor& message) {
  return CommentOf(message.full_name());
}

std::string CommentOf(const google::protobuf::EnumValueDescriptor& value) {
  return CommentOf(value.full_name());
}

}  // namespace espalier
