#include <bit>
#include <cstdint>

#include "provider/msgpack.h"

namespace espalier::provider {
namespace {

constexpr char kRefinedUnknown = 12;

void WriteBytes(std::string& out, std::uint64_t value, int size) {
  for (int i = size - 1; i >= 0; --i) out += static_cast<char>(value >> (8 * i));
}

void WriteTagged(std::string& out, int tag, std::uint64_t value, int size) {
  out += static_cast<char>(tag);
  WriteBytes(out, value, size);
}

void WriteInteger(std::string& out, std::int64_t value) {
  const auto bits = static_cast<std::uint64_t>(value);
  if (value >= -32 && value <= 127) {
    out += static_cast<char>(value);
  } else if (value < 0) {
    if (value >= INT8_MIN) return WriteTagged(out, 0xd0, bits, 1);
    if (value >= INT16_MIN) return WriteTagged(out, 0xd1, bits, 2);
    if (value >= INT32_MIN) return WriteTagged(out, 0xd2, bits, 4);
    WriteTagged(out, 0xd3, bits, 8);
  } else {
    if (value <= UINT8_MAX) return WriteTagged(out, 0xcc, bits, 1);
    if (value <= UINT16_MAX) return WriteTagged(out, 0xcd, bits, 2);
    if (value <= UINT32_MAX) return WriteTagged(out, 0xce, bits, 4);
    WriteTagged(out, 0xcf, bits, 8);
  }
}

void WriteText(std::string& out, absl::string_view text) {
  const std::uint64_t size = text.size();
  if (size < 32) {
    out += static_cast<char>(0xa0 | size);
  } else if (size <= UINT8_MAX) {
    WriteTagged(out, 0xd9, size, 1);
  } else if (size <= UINT16_MAX) {
    WriteTagged(out, 0xda, size, 2);
  } else {
    WriteTagged(out, 0xdb, size, 4);
  }
  out.append(text.data(), text.size());
}

void WriteNumber(std::string& out, const Number& number) {
  if (const auto integer = number.AsInt64()) return WriteInteger(out, *integer);
  if (!number.is_integer()) {
    if (const auto real = number.AsDouble()) {
      return WriteTagged(out, 0xcb, std::bit_cast<std::uint64_t>(*real), 8);
    }
  }
  WriteText(out, number.text());
}

// The head of a list (`base` 0x90) or map (0x80), whose wide forms start at `wide`.
void WriteCount(std::string& out, int base, int wide, std::uint64_t count) {
  if (count < 16) {
    out += static_cast<char>(base | count);
  } else if (count <= UINT16_MAX) {
    WriteTagged(out, wide, count, 2);
  } else {
    WriteTagged(out, wide + 1, count, 4);
  }
}

void WriteBound(std::string& out, char key, const Refinement::Bound& bound) {
  out += key;
  out += static_cast<char>(0x92);
  WriteNumber(out, bound.value);
  out += static_cast<char>(bound.inclusive ? 0xc3 : 0xc2);
}

void WritePlainUnknown(std::string& out) { out.append("\xd4\x00\x00", 3); }

void WriteUnknown(std::string& out, const Refinement& refinement) {
  if (refinement.empty()) return WritePlainUnknown(out);
  std::string body;
  int count = 0;
  if (refinement.not_null) {
    body.append("\x01\xc2", 2);
    ++count;
  }
  if (!refinement.prefix.empty()) {
    body += '\x02';
    WriteText(body, refinement.prefix);
    ++count;
  }
  if (refinement.lower) {
    WriteBound(body, 3, *refinement.lower);
    ++count;
  }
  if (refinement.upper) {
    WriteBound(body, 4, *refinement.upper);
    ++count;
  }
  if (refinement.min_length) {
    body += '\x05';
    WriteNumber(body, *refinement.min_length);
    ++count;
  }
  if (refinement.max_length) {
    body += '\x06';
    WriteNumber(body, *refinement.max_length);
    ++count;
  }
  body.insert(body.begin(), static_cast<char>(0x80 | count));
  if (body.size() > kMaxRefinementBytes) return WritePlainUnknown(out);
  if (body.size() <= UINT8_MAX) {
    WriteTagged(out, 0xc7, body.size(), 1);
  } else {
    WriteTagged(out, 0xc8, body.size(), 2);
  }
  out += kRefinedUnknown;
  out += body;
}

void Write(std::string& out, const Value& value) {
  if (const Refinement* refinement = value.refinement()) {
    WriteUnknown(out, *refinement);
  } else if (const bool* flag = value.as_bool()) {
    out += static_cast<char>(*flag ? 0xc3 : 0xc2);
  } else if (const Number* number = value.as_number()) {
    WriteNumber(out, *number);
  } else if (const std::string* text = value.as_string()) {
    WriteText(out, *text);
  } else if (const Value::Items* items = value.as_list()) {
    WriteCount(out, 0x90, 0xdc, items->size());
    for (const Value& item : *items) Write(out, item);
  } else if (const Value::Entries* entries = value.as_map()) {
    WriteCount(out, 0x80, 0xde, entries->size());
    for (const auto& [key, entry] : *entries) {
      WriteText(out, key);
      Write(out, entry);
    }
  } else {
    out += static_cast<char>(0xc0);
  }
}

}  // namespace

std::string WriteMsgpack(const Value& value) {
  std::string out;
  Write(out, value);
  return out;
}

}  // namespace espalier::provider
