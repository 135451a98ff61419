#include <algorithm>
#include <bit>
#include <cstdint>

#include "absl/strings/str_cat.h"
#include "engine/base/status.h"
#include "engine/model/utf8.h"
#include "provider/msgpack.h"

namespace espalier::provider {
namespace {

// Extension types of core's encoding.
constexpr std::uint8_t kRefinedUnknown = 12;
// Room is made for as many at first. A count may lie, at every depth.
constexpr std::uint64_t kMostExpected = 64;

class Reader {
 public:
  explicit Reader(absl::string_view bytes) : bytes_(bytes) {}

  absl::StatusOr<Value> Read(int depth);
  bool done() const { return at_ == bytes_.size(); }
  absl::Status Error(absl::string_view what) const {
    return absl::InvalidArgumentError(absl::StrCat("msgpack at byte ", at_, ": ", what));
  }

 private:
  // The next `size` bytes as an unsigned number, big-endian.
  absl::StatusOr<std::uint64_t> Unsigned(std::size_t size);
  absl::StatusOr<absl::string_view> Take(std::uint64_t size);
  absl::StatusOr<absl::string_view> Text(std::uint64_t size);
  absl::StatusOr<Value> TextValue(std::uint64_t size);
  absl::StatusOr<absl::string_view> Key();
  absl::StatusOr<Value> Double(double value);
  absl::StatusOr<Value> List(std::uint64_t count, int depth);
  absl::StatusOr<Value> Map(std::uint64_t count, int depth);
  absl::StatusOr<Value> Extension(std::uint64_t size);
  absl::StatusOr<Refinement> ReadRefinement();
  absl::StatusOr<Refinement::Bound> ReadBound();
  absl::StatusOr<Number> ReadNumber();
  absl::StatusOr<std::uint64_t> MapHeader();

  absl::string_view bytes_;
  std::size_t at_ = 0;
};

absl::StatusOr<std::uint64_t> Reader::Unsigned(std::size_t size) {
  ESPALIER_ASSIGN_OR_RETURN(const absl::string_view bytes, Take(size));
  std::uint64_t value = 0;
  for (const char byte : bytes) value = value << 8 | static_cast<std::uint8_t>(byte);
  return value;
}

absl::StatusOr<absl::string_view> Reader::Take(std::uint64_t size) {
  if (size > bytes_.size() - at_) return Error("the value is cut off");
  const absl::string_view taken = bytes_.substr(at_, size);
  at_ += size;
  return taken;
}

absl::StatusOr<absl::string_view> Reader::Text(std::uint64_t size) {
  ESPALIER_ASSIGN_OR_RETURN(const absl::string_view text, Take(size));
  if (FindInvalidUtf8(text) != absl::string_view::npos) return Error("a string is not UTF-8");
  return text;
}

absl::StatusOr<Value> Reader::TextValue(std::uint64_t size) {
  ESPALIER_ASSIGN_OR_RETURN(const absl::string_view text, Text(size));
  return Value::String(text);
}

absl::StatusOr<absl::string_view> Reader::Key() {
  ESPALIER_ASSIGN_OR_RETURN(const std::uint64_t tag, Unsigned(1));
  if (tag >= 0xa0 && tag <= 0xbf) return Text(tag & 0x1f);
  if (tag < 0xd9 || tag > 0xdb) return Error("a key is not a string");
  ESPALIER_ASSIGN_OR_RETURN(const std::uint64_t size, Unsigned(std::size_t{1} << (tag - 0xd9)));
  return Text(size);
}

absl::StatusOr<Value> Reader::Double(double value) {
  absl::StatusOr<Number> number = Number::OfDouble(value);
  if (!number.ok()) return Error(number.status().message());
  return Value::Of(*std::move(number));
}

absl::StatusOr<Value> Reader::List(std::uint64_t count, int depth) {
  // Every item takes a byte at least, so a lying count cannot make us reserve more than was sent.
  if (count > bytes_.size() - at_) return Error("the list is cut off");
  Value::Items items;
  items.reserve(std::min(count, kMostExpected));
  for (std::uint64_t i = 0; i < count; ++i) {
    ESPALIER_ASSIGN_OR_RETURN(Value item, Read(depth + 1));
    items.push_back(std::move(item));
  }
  return Value::List(std::move(items));
}

absl::StatusOr<Value> Reader::Map(std::uint64_t count, int depth) {
  if (count > bytes_.size() - at_) return Error("the map is cut off");
  Value::Entries entries;
  entries.reserve(std::min(count, kMostExpected));
  for (std::uint64_t i = 0; i < count; ++i) {
    ESPALIER_ASSIGN_OR_RETURN(const absl::string_view key, Key());
    ESPALIER_ASSIGN_OR_RETURN(Value value, Read(depth + 1));
    entries.emplace_back(key, std::move(value));
  }
  Value map = Value::Map(std::move(entries));
  const Value::Entries& sorted = *map.as_map();
  for (std::size_t i = 1; i < sorted.size(); ++i) {
    if (sorted[i - 1].first == sorted[i].first) return Error("a key comes twice");
  }
  return map;
}

absl::StatusOr<std::uint64_t> Reader::MapHeader() {
  ESPALIER_ASSIGN_OR_RETURN(const std::uint64_t tag, Unsigned(1));
  if (tag >= 0x80 && tag <= 0x8f) return tag & 0x0f;
  if (tag == 0xde) return Unsigned(2);
  return Error("a refinement is not a map");
}

absl::StatusOr<Number> Reader::ReadNumber() {
  ESPALIER_ASSIGN_OR_RETURN(const Value value, Read(kMaxDepth));
  if (const Number* number = value.as_number()) return *number;
  if (const std::string* text = value.as_string()) {
    absl::StatusOr<Number> number = Number::Parse(*text);
    if (number.ok()) return number;
  }
  return Error("a bound is not a number");
}

absl::StatusOr<Refinement::Bound> Reader::ReadBound() {
  ESPALIER_ASSIGN_OR_RETURN(const std::uint64_t tag, Unsigned(1));
  if (tag != 0x92) return Error("a bound is not a pair");
  Refinement::Bound bound;
  ESPALIER_ASSIGN_OR_RETURN(bound.value, ReadNumber());
  ESPALIER_ASSIGN_OR_RETURN(const Value inclusive, Read(kMaxDepth));
  if (inclusive.as_bool() == nullptr) return Error("a bound does not say whether it is inclusive");
  bound.inclusive = *inclusive.as_bool();
  return bound;
}

absl::StatusOr<Refinement> Reader::ReadRefinement() {
  Refinement refinement;
  ESPALIER_ASSIGN_OR_RETURN(const std::uint64_t count, MapHeader());
  for (std::uint64_t i = 0; i < count; ++i) {
    ESPALIER_ASSIGN_OR_RETURN(const Number key, ReadNumber());
    if (key == Number::Of(1)) {
      ESPALIER_ASSIGN_OR_RETURN(const Value is_null, Read(kMaxDepth));
      refinement.not_null = is_null == Value::Bool(false);
    } else if (key == Number::Of(2)) {
      ESPALIER_ASSIGN_OR_RETURN(const Value prefix, Read(kMaxDepth));
      refinement.prefix = std::string(prefix.text());
    } else if (key == Number::Of(3)) {
      ESPALIER_ASSIGN_OR_RETURN(refinement.lower, ReadBound());
    } else if (key == Number::Of(4)) {
      ESPALIER_ASSIGN_OR_RETURN(refinement.upper, ReadBound());
    } else if (key == Number::Of(5)) {
      ESPALIER_ASSIGN_OR_RETURN(refinement.min_length, ReadNumber());
    } else if (key == Number::Of(6)) {
      ESPALIER_ASSIGN_OR_RETURN(refinement.max_length, ReadNumber());
    } else {
      // A refinement of a later protocol: what we do not know we may drop.
      ESPALIER_RETURN_IF_ERROR(Read(0).status());
    }
  }
  return refinement;
}

absl::StatusOr<Value> Reader::Extension(std::uint64_t size) {
  ESPALIER_ASSIGN_OR_RETURN(const std::uint64_t type, Unsigned(1));
  ESPALIER_ASSIGN_OR_RETURN(const absl::string_view payload, Take(size));
  // As core does: any other extension, and any with at most one byte, is simply unknown.
  if (type != kRefinedUnknown || size <= 1) return Value::Unknown();
  if (size > kMaxRefinementBytes) return Error("a refinement is too long");
  Reader inner(payload);
  ESPALIER_ASSIGN_OR_RETURN(Refinement refinement, inner.ReadRefinement());
  if (!inner.done()) return Error("a refinement has trailing bytes");
  return Value::Unknown(std::move(refinement));
}

absl::StatusOr<Value> Reader::Read(int depth) {
  if (depth > kMaxDepth) return Error("nested too deeply");
  ESPALIER_ASSIGN_OR_RETURN(const std::uint64_t tag, Unsigned(1));
  if (tag <= 0x7f) return Value::Of(Number::Of(static_cast<std::int64_t>(tag)));
  if (tag <= 0x8f) return Map(tag & 0x0f, depth);
  if (tag <= 0x9f) return List(tag & 0x0f, depth);
  if (tag <= 0xbf) return TextValue(tag & 0x1f);
  if (tag >= 0xe0) return Value::Of(Number::Of(static_cast<std::int8_t>(tag)));
  // Of the remaining tags, a run of widths 1, 2, 4, 8 starts at each base.
  const auto width = [&](std::uint64_t base) { return Unsigned(std::size_t{1} << (tag - base)); };
  switch (tag) {
    case 0xc0:
      return Value();
    case 0xc2:
    case 0xc3:
      return Value::Bool(tag == 0xc3);
    case 0xc7:
    case 0xc8:
    case 0xc9: {
      ESPALIER_ASSIGN_OR_RETURN(const std::uint64_t size, width(0xc7));
      return Extension(size);
    }
    case 0xca: {
      ESPALIER_ASSIGN_OR_RETURN(const std::uint64_t bits, Unsigned(4));
      return Double(std::bit_cast<float>(static_cast<std::uint32_t>(bits)));
    }
    case 0xcb: {
      ESPALIER_ASSIGN_OR_RETURN(const std::uint64_t bits, Unsigned(8));
      return Double(std::bit_cast<double>(bits));
    }
    case 0xcc:
    case 0xcd:
    case 0xce:
    case 0xcf: {
      ESPALIER_ASSIGN_OR_RETURN(const std::uint64_t number, width(0xcc));
      return Value::Of(Number::OfUnsigned(number));
    }
    case 0xd0:
    case 0xd1:
    case 0xd2:
    case 0xd3: {
      ESPALIER_ASSIGN_OR_RETURN(const std::uint64_t bits, width(0xd0));
      // Shifted to the top and back, so that the sign of the narrow type fills the wide one.
      const int shift = 64 - (8 << (tag - 0xd0));
      return Value::Of(Number::Of(static_cast<std::int64_t>(bits << shift) >> shift));
    }
    case 0xd4:
    case 0xd5:
    case 0xd6:
    case 0xd7:
    case 0xd8:
      return Extension(std::uint64_t{1} << (tag - 0xd4));
    case 0xd9:
    case 0xda:
    case 0xdb: {
      ESPALIER_ASSIGN_OR_RETURN(const std::uint64_t size, width(0xd9));
      return TextValue(size);
    }
    case 0xdc:
    case 0xdd: {
      ESPALIER_ASSIGN_OR_RETURN(const std::uint64_t count, Unsigned(tag == 0xdc ? 2 : 4));
      return List(count, depth);
    }
    case 0xde:
    case 0xdf: {
      ESPALIER_ASSIGN_OR_RETURN(const std::uint64_t count, Unsigned(tag == 0xde ? 2 : 4));
      return Map(count, depth);
    }
    default:
      // Binary data stands only in values of dynamic type, of which our schemas have none.
      return Error("unexpected type");
  }
}

}  // namespace

absl::StatusOr<Value> ReadMsgpack(absl::string_view bytes) {
  Reader reader(bytes);
  ESPALIER_ASSIGN_OR_RETURN(Value value, reader.Read(0));
  if (!reader.done()) return reader.Error("trailing bytes");
  return value;
}

}  // namespace espalier::provider
