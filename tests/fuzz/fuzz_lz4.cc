// The compressed layers of images: never more bytes than allowed, and the same answer however the
// stream is cut.
#include <cstddef>
#include <cstdint>
#include <string>

#include "engine/base/check.h"
#include "engine/oci/apple_lz4.h"

namespace {

constexpr std::int64_t kMost = 1 << 20;

struct Answer {
  bool ok = false;
  std::string plain;
};

Answer Decode(absl::string_view stream, std::size_t step) {
  espalier::oci::AppleLz4Decoder decoder(kMost);
  Answer answer;
  for (std::size_t at = 0; at < stream.size(); at += step) {
    const absl::Status status = decoder.Feed(stream.substr(at, step), [&](absl::string_view bytes) {
      answer.plain.append(bytes.data(), bytes.size());
      return absl::OkStatus();
    });
    if (!status.ok()) return answer;
  }
  answer.ok = decoder.Finish().ok();
  return answer;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const absl::string_view stream(reinterpret_cast<const char*>(data), size);
  const Answer whole = Decode(stream, size == 0 ? 1 : size);
  const Answer cut = Decode(stream, 7);
  ESPALIER_CHECK(whole.ok == cut.ok);
  ESPALIER_CHECK(whole.plain == cut.plain);
  ESPALIER_CHECK(static_cast<std::int64_t>(whole.plain.size()) <= kMost);
  return 0;
}
