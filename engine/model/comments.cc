// The comments of the protos. Generated descriptors have lost them; the embedded descriptor set,
// made with source information, has them.
#include <cstddef>

#include "absl/strings/ascii.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "engine/base/check.h"
#include "engine/model/field.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/descriptor.pb.h"

namespace espalier {

extern const unsigned char kDescriptorSet[];
extern const std::size_t kDescriptorSetSize;

namespace {

using google::protobuf::Descriptor;
using google::protobuf::DescriptorPool;
using google::protobuf::EnumValueDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::FileDescriptor;
using google::protobuf::FileDescriptorProto;
using google::protobuf::FileDescriptorSet;
using google::protobuf::SourceLocation;

const DescriptorPool& Commented() {
  // Built at the first question about a comment, and kept: most processes never ask.
  static const DescriptorPool& pool = *[] {
    FileDescriptorSet set;
    ESPALIER_CHECK(set.ParseFromArray(kDescriptorSet, static_cast<int>(kDescriptorSetSize)));
    auto* built = new DescriptorPool();
    for (const FileDescriptorProto& file : set.file()) {
      ESPALIER_CHECK(built->BuildFile(file) != nullptr);
    }
    return built;
  }();
  return pool;
}

// The lines of a comment as one text: "//" is off already, the space behind it is not.
std::string Joined(const std::string& comment) {
  std::vector<std::string> lines;
  for (absl::string_view line : absl::StrSplit(comment, '\n')) {
    line = absl::StripAsciiWhitespace(line);
    if (!line.empty()) lines.emplace_back(line);
  }
  return absl::StrJoin(lines, " ");
}

template <typename T>
std::string LeadingComment(const T* descriptor) {
  SourceLocation location;
  if (descriptor == nullptr || !descriptor->GetSourceLocation(&location)) return "";
  return Joined(location.leading_comments);
}

std::string FileComment(const FileDescriptor& file) {
  SourceLocation location;
  if (!file.GetSourceLocation({FileDescriptorProto::kSyntaxFieldNumber}, &location)) return "";
  return Joined(location.leading_comments);
}

}  // namespace

std::string CommentOf(const FieldDescriptor& field) {
  return LeadingComment(Commented().FindFieldByName(field.full_name()));
}

std::string CommentOf(const Descriptor& message) {
  const Descriptor* commented = Commented().FindMessageTypeByName(message.full_name());
  std::string comment = LeadingComment(commented);
  // The first message of a file is what the comment at the top of the file is about.
  if (comment.empty() && commented != nullptr && commented->containing_type() == nullptr &&
      commented->index() == 0) {
    comment = FileComment(*commented->file());
  }
  return comment;
}

std::string CommentOf(const EnumValueDescriptor& value) {
  return LeadingComment(Commented().FindEnumValueByName(value.full_name()));
}

}  // namespace espalier
