// The comments of the protos, which are the documentation of the model. Generated code has lost
// them; the build writes them down as a table (write_comments.cc), because reading them from a
// descriptor set would cost every process that asks for one several milliseconds.
#pragma once

#include <cstddef>

namespace espalier {

struct ProtoComment {
  // Of the message, field or enum value: "espalier.v1.VmSpec.cpu".
  const char* full_name;
  // The lines of the comment joined, without "//".
  const char* text;
};

// In byte order of the names; only what has a comment.
extern const ProtoComment kProtoComments[];
extern const std::size_t kProtoCommentCount;

}  // namespace espalier
