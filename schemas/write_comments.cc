// write_comments: a step of the build. Reads a descriptor set that was made with source information
// and writes its comments as the table of schemas/comments.h.
#include <iostream>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/descriptor.pb.h"

namespace espalier {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::DescriptorPool;
using google::protobuf::EnumDescriptor;
using google::protobuf::FileDescriptor;
using google::protobuf::FileDescriptorProto;
using google::protobuf::FileDescriptorSet;
using google::protobuf::SourceLocation;

using Comments = std::map<std::string, std::string>;

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
void AddLeading(const T& descriptor, Comments& comments) {
  SourceLocation location;
  if (!descriptor.GetSourceLocation(&location)) return;
  const std::string text = Joined(location.leading_comments);
  if (!text.empty()) comments[descriptor.full_name()] = text;
}

void AddEnum(const EnumDescriptor& type, Comments& comments) {
  for (int i = 0; i < type.value_count(); ++i) AddLeading(*type.value(i), comments);
}

void AddMessage(const Descriptor& message, Comments& comments) {
  AddLeading(message, comments);
  for (int i = 0; i < message.field_count(); ++i) AddLeading(*message.field(i), comments);
  for (int i = 0; i < message.enum_type_count(); ++i) AddEnum(*message.enum_type(i), comments);
  for (int i = 0; i < message.nested_type_count(); ++i) {
    AddMessage(*message.nested_type(i), comments);
  }
}

void AddFile(const FileDescriptor& file, Comments& comments) {
  for (int i = 0; i < file.message_type_count(); ++i) AddMessage(*file.message_type(i), comments);
  for (int i = 0; i < file.enum_type_count(); ++i) AddEnum(*file.enum_type(i), comments);
  // The first message of a file is what the comment at the top of the file is about.
  SourceLocation location;
  if (file.message_type_count() > 0 &&
      file.GetSourceLocation({FileDescriptorProto::kSyntaxFieldNumber}, &location)) {
    const std::string text = Joined(location.leading_comments);
    if (!text.empty()) comments.emplace(file.message_type(0)->full_name(), text);
  }
}

std::string SourceOf(const Comments& comments) {
  std::string source = "#include \"schemas/comments.h\"\n\nnamespace espalier {\n\n";
  absl::StrAppend(&source, "const ProtoComment kProtoComments[] = {\n");
  for (const auto& [name, text] : comments) {
    absl::StrAppend(&source, "    {\"", name, "\", \"", absl::CEscape(text), "\"},\n");
  }
  absl::StrAppend(&source, "};\nconst std::size_t kProtoCommentCount = ", comments.size(),
                  ";\n\n}  // namespace espalier\n");
  return source;
}

int Main() {
  FileDescriptorSet set;
  if (!set.ParseFromIstream(&std::cin)) {
    std::cerr << "the input is no descriptor set\n";
    return 1;
  }
  DescriptorPool pool;
  Comments comments;
  for (const FileDescriptorProto& one : set.file()) {
    const FileDescriptor* built = pool.BuildFile(one);
    if (built == nullptr) {
      std::cerr << one.name() << " does not build\n";
      return 1;
    }
    if (absl::StartsWith(built->package(), "espalier.")) AddFile(*built, comments);
  }
  std::cout << SourceOf(comments) << std::flush;
  return std::cout.good() ? 0 : 1;
}

}  // namespace
}  // namespace espalier

int main() { return espalier::Main(); }
