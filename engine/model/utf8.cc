#include "engine/model/utf8.h"

#include <cstdint>
#include <cstring>

namespace espalier {
namespace {

struct Lead {
  std::size_t length;
  std::uint32_t bits;
  std::uint32_t smallest;
};

Lead LeadOf(unsigned char byte) {
  if (byte < 0x80) return {1, byte, 0};
  if (byte >= 0xc2 && byte < 0xe0) return {2, byte & 0x1fu, 0x80};
  if (byte >= 0xe0 && byte < 0xf0) return {3, byte & 0x0fu, 0x800};
  if (byte >= 0xf0 && byte < 0xf5) return {4, byte & 0x07u, 0x10000};
  return {0, 0, 0};
}

// How many bytes at the beginning are ASCII, counted eight at a time but for the last few.
std::size_t AsciiLength(absl::string_view text) {
  std::size_t length = 0;
  for (std::uint64_t eight = 0; text.size() - length >= sizeof(eight); length += sizeof(eight)) {
    std::memcpy(&eight, text.data() + length, sizeof(eight));
    if ((eight & 0x8080808080808080u) != 0) break;
  }
  while (length < text.size() && static_cast<unsigned char>(text[length]) < 0x80) ++length;
  return length;
}

}  // namespace

std::size_t Utf8Length(absl::string_view text, std::size_t position) {
  const Lead lead = LeadOf(static_cast<unsigned char>(text[position]));
  if (lead.length == 0 || text.size() - position < lead.length) return 0;
  std::uint32_t point = lead.bits;
  for (std::size_t i = 1; i < lead.length; ++i) {
    const auto byte = static_cast<unsigned char>(text[position + i]);
    if ((byte & 0xc0) != 0x80) return 0;
    point = point << 6 | (byte & 0x3fu);
  }
  const bool surrogate = point >= 0xd800 && point < 0xe000;
  return point < lead.smallest || point > 0x10ffff || surrogate ? 0 : lead.length;
}

std::size_t FindInvalidUtf8(absl::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    i += AsciiLength(text.substr(i));
    if (i == text.size()) break;
    const std::size_t length = Utf8Length(text, i);
    if (length == 0) return i;
    i += length;
  }
  return absl::string_view::npos;
}

}  // namespace espalier
