#include "engine/render/safe_text.h"

#include <algorithm>
#include <cstdint>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "engine/base/check.h"
#include "engine/model/utf8.h"

namespace espalier {
namespace {

// Breaks words that forges turn into links and mentions; nobody sees it.
constexpr absl::string_view kZeroWidthSpace = "\xe2\x80\x8b";
constexpr absl::string_view kEllipsis = "\xe2\x80\xa6";

// The character at the start of `bytes`, which is valid UTF-8 of this one character.
std::uint32_t CodePoint(absl::string_view bytes) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(bytes[i]); };
  if (bytes.size() == 1) return byte(0);
  std::uint32_t point = byte(0) & (0xff >> (bytes.size() + 1));
  for (std::size_t i = 1; i < bytes.size(); ++i) point = point << 6 | (byte(i) & 0x3f);
  return point;
}

// What would not be seen, or would change how its surroundings are seen.
bool IsHidden(std::uint32_t point) {
  return point < 0x20 || (point >= 0x7f && point < 0xa0) || point == 0xad || point == 0x61c ||
         point == 0x180e || (point >= 0x200b && point <= 0x200f) ||
         (point >= 0x2028 && point <= 0x202e) || (point >= 0x2060 && point <= 0x206f) ||
         point == 0xfeff || (point >= 0xfff9 && point <= 0xfffb) ||
         (point >= 0xe0000 && point <= 0xe0fff);
}

bool IsMarkup(char c) { return absl::StrContains("\\`*_~[]|$!#", absl::string_view(&c, 1)); }

// Within a word an underscore emphasises nothing, and names are full of them.
bool IsWithinWord(absl::string_view text, std::size_t at) {
  return at > 0 && at + 1 < text.size() && absl::ascii_isalnum(text[at - 1]) &&
         absl::ascii_isalnum(text[at + 1]);
}

}  // namespace

std::string Printable(absl::string_view text) {
  std::string printable;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length = Utf8Length(text, at);
    const absl::string_view character = text.substr(at, std::max<std::size_t>(length, 1));
    at += character.size();
    if (absl::StrContains("\n\r\t", character)) {
      printable += ' ';
    } else if (length == 0 || IsHidden(CodePoint(character))) {
      printable += '?';
    } else {
      absl::StrAppend(&printable, character);
    }
  }
  return printable;
}

std::string MarkdownText(absl::string_view text) {
  const std::string printable = Printable(text);
  const absl::string_view all = printable;
  std::string markdown;
  for (std::size_t i = 0; i < all.size(); ++i) {
    const char c = all[i];
    const absl::string_view rest = all.substr(i);
    if (c == '<') {
      markdown += "&lt;";
    } else if (c == '>') {
      markdown += "&gt;";
    } else if (c == '&') {
      markdown += "&amp;";
    } else {
      if (IsMarkup(c) && !(c == '_' && IsWithinWord(all, i))) markdown += '\\';
      markdown += c;
    }
    const bool links =
        c == '@' || absl::StartsWith(rest, "://") || absl::StartsWithIgnoreCase(rest, "w.") ||
        ((c == '#' || c == '!') && i + 1 < all.size() && absl::ascii_isdigit(all[i + 1]));
    if (links) absl::StrAppend(&markdown, kZeroWidthSpace);
  }
  return markdown;
}

std::string Shortened(absl::string_view text, std::size_t max) {
  ESPALIER_CHECK(max > 0);
  if (TextWidth(text) <= max) return std::string(text);
  std::size_t end = 0;
  // Stops before the first byte of character number `max`.
  for (std::size_t characters = 0; end < text.size(); ++end) {
    const bool begins = (static_cast<unsigned char>(text[end]) & 0xc0) != 0x80;
    if (begins && ++characters == max) break;
  }
  return absl::StrCat(text.substr(0, end), kEllipsis);
}

std::size_t TextWidth(absl::string_view text) {
  // Every character counts as one: names are ASCII, and wide ones only make a table crooked.
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  }));
}

}  // namespace espalier
