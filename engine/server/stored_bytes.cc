#include "engine/server/stored_bytes.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include "engine/model/access.h"

namespace espalier {

std::string StoredBytes(const Resource& object) {
  Resource copy = object;
  copy.mutable_metadata()->clear_revision();
  // An absent status and an empty one are the same to every reader.
  MutableStatus(copy);
  std::string bytes;
  {
    google::protobuf::io::StringOutputStream stream(&bytes);
    google::protobuf::io::CodedOutputStream coded(&stream);
    coded.SetSerializationDeterministic(true);
    copy.SerializeToCodedStream(&coded);
  }
  return bytes;
}

}  // namespace espalier
