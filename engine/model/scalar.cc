#include "engine/model/scalar.h"

#include <charconv>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/civil_time.h"
#include "absl/time/time.h"
#include "engine/base/check.h"
#include "engine/base/limits.h"
#include "engine/model/field.h"
#include "engine/model/integer.h"
#include "engine/model/timestamp.h"
#include "engine/model/validate.h"
#include "google/protobuf/timestamp.pb.h"

namespace espalier {
namespace {

using google::protobuf::EnumValueDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;
using google::protobuf::Timestamp;

const char* NameOf(Node::Type type) {
  switch (type) {
    case Node::Type::kNull:
      return "empty";
    case Node::Type::kBool:
      return "true or false";
    case Node::Type::kNumber:
      return "a number";
    case Node::Type::kString:
      return "a string";
    case Node::Type::kList:
      return "a list";
    case Node::Type::kMap:
      return "a map";
  }
  return "?";
}

// Sets or adds, as the field wants it.
#define ESPALIER_STORE(Type, value)                                   \
  field.is_repeated() ? reflection.Add##Type(&message, &field, value) \
                      : reflection.Set##Type(&message, &field, value)

template <typename T>
std::string Narrow(std::int64_t value, T& out) {
  const auto low = std::numeric_limits<T>::min();
  const auto high = std::numeric_limits<T>::max();
  const std::int64_t smallest =
      sizeof(T) == 8 ? (low == 0 ? 0 : -limits::kMaxInteger) : static_cast<std::int64_t>(low);
  const std::int64_t largest =
      sizeof(T) == 8 ? limits::kMaxInteger : static_cast<std::int64_t>(high);
  if (value < smallest || value > largest) {
    return absl::StrCat("must be between ", smallest, " and ", largest);
  }
  out = static_cast<T>(value);
  return "";
}

std::string StoreInteger(Message& message, const FieldDescriptor& field, const std::string& text) {
  const Reflection& reflection = *message.GetReflection();
  const std::optional<std::int64_t> value = ParseInteger(text);
  if (!value.has_value()) {
    return absl::StrCat("must be a whole number up to 2^53, is ", text);
  }
  std::string wrong;
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32: {
      std::int32_t narrow = 0;
      wrong = Narrow(*value, narrow);
      if (wrong.empty()) ESPALIER_STORE(Int32, narrow);
      break;
    }
    case FieldDescriptor::CPPTYPE_UINT32: {
      std::uint32_t narrow = 0;
      wrong = Narrow(*value, narrow);
      if (wrong.empty()) ESPALIER_STORE(UInt32, narrow);
      break;
    }
    case FieldDescriptor::CPPTYPE_INT64: {
      std::int64_t narrow = 0;
      wrong = Narrow(*value, narrow);
      if (wrong.empty()) ESPALIER_STORE(Int64, narrow);
      break;
    }
    default: {
      std::uint64_t narrow = 0;
      wrong = Narrow(*value, narrow);
      if (wrong.empty()) ESPALIER_STORE(UInt64, narrow);
      break;
    }
  }
  return wrong;
}

std::string StoreDouble(Message& message, const FieldDescriptor& field, const std::string& text) {
  const Reflection& reflection = *message.GetReflection();
  double value = 0;
  if (!absl::SimpleAtod(text, &value) || !std::isfinite(value)) return "must be a finite number";
  if (field.cpp_type() == FieldDescriptor::CPPTYPE_FLOAT) {
    ESPALIER_STORE(Float, static_cast<float>(value));
  } else {
    ESPALIER_STORE(Double, value);
  }
  return "";
}

std::string StoreEnum(Message& message, const FieldDescriptor& field, const std::string& text) {
  const Reflection& reflection = *message.GetReflection();
  for (int i = 0; i < field.enum_type()->value_count(); ++i) {
    const EnumValueDescriptor* value = field.enum_type()->value(i);
    if (value->number() == 0 || EnumName(*value) != text) continue;
    ESPALIER_STORE(Enum, value);
    return "";
  }
  const std::vector<std::string> names = EnumNames(*field.enum_type());
  const std::string nearest = Nearest(text, names);
  return absl::StrCat("must be one of ", absl::StrJoin(names, ", "), "; is \"", text, "\"",
                      nearest.empty() ? "" : absl::StrCat(", did you mean ", nearest, "?"));
}

std::string StoreTimestamp(Message& message, const FieldDescriptor& field,
                           const std::string& text) {
  absl::Time time;
  std::string error;
  if (!absl::ParseTime(absl::RFC3339_full, text, &time, &error) || time == absl::InfiniteFuture() ||
      time == absl::InfinitePast()) {
    return absl::StrCat("must be a time such as 2025-01-31T12:00:00Z, is \"", text, "\"");
  }
  const Reflection& reflection = *message.GetReflection();
  Message* stored = field.is_repeated() ? reflection.AddMessage(&message, &field)
                                        : reflection.MutableMessage(&message, &field);
  Timestamp timestamp;
  SetTime(time, timestamp);
  stored->CopyFrom(timestamp);
  return "";
}

// The last `width` digits of the number. REQUIRES: width <= 9.
void AppendDigits(std::int64_t number, int width, std::string& out) {
  char digits[9];
  for (int i = width - 1; i >= 0; --i, number /= 10) {
    digits[i] = static_cast<char>('0' + number % 10);
  }
  out.append(digits, width);
}

// RFC 3339 in UTC. Every object has several times, and absl::FormatTime takes longer than all else.
std::string FormatTimestamp(const Message& message) {
  const auto& timestamp = static_cast<const Timestamp&>(message);
  const absl::CivilSecond time = absl::CivilSecond(1970) + timestamp.seconds();
  std::string text;
  AppendDigits(time.year(), 4, text);
  text += '-';
  AppendDigits(time.month(), 2, text);
  text += '-';
  AppendDigits(time.day(), 2, text);
  text += 'T';
  AppendDigits(time.hour(), 2, text);
  text += ':';
  AppendDigits(time.minute(), 2, text);
  text += ':';
  AppendDigits(time.second(), 2, text);
  if (timestamp.nanos() > 0) {
    text += '.';
    AppendDigits(timestamp.nanos(), 9, text);
    while (text.back() == '0') text.pop_back();
  }
  text += 'Z';
  return text;
}

std::string FormatDouble(double value) {
  if (!std::isfinite(value)) return "null";
  char buffer[32];
  const auto [end, error] = std::to_chars(buffer, buffer + sizeof(buffer), value);
  ESPALIER_CHECK(error == std::errc());
  return std::string(buffer, end);
}

Node::Type WantedType(const FieldDescriptor& field) {
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_BOOL:
      return Node::Type::kBool;
    case FieldDescriptor::CPPTYPE_INT32:
    case FieldDescriptor::CPPTYPE_INT64:
    case FieldDescriptor::CPPTYPE_UINT32:
    case FieldDescriptor::CPPTYPE_UINT64:
    case FieldDescriptor::CPPTYPE_FLOAT:
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return Node::Type::kNumber;
    default:
      return Node::Type::kString;
  }
}

std::string WrongType(Node::Type wanted, Node::Type type, const std::string& text) {
  if (type == Node::Type::kNull) return "has no value; leave the field out";
  const bool is_scalar = type == Node::Type::kNumber || type == Node::Type::kBool;
  if (wanted == Node::Type::kString && is_scalar) {
    return absl::StrCat("must be a string, is ", NameOf(type), "; write \"", text, "\" in quotes");
  }
  return absl::StrCat("must be ", NameOf(wanted), ", is ", NameOf(type));
}

}  // namespace

bool IsTimestamp(const FieldDescriptor& field) {
  return field.message_type() == Timestamp::descriptor();
}

bool IsScalar(const FieldDescriptor& field) {
  return field.message_type() == nullptr || IsTimestamp(field);
}

std::string StoreScalar(Message& message, const FieldDescriptor& field, Node::Type type,
                        const std::string& text) {
  const Node::Type wanted = WantedType(field);
  if (type != wanted) return WrongType(wanted, type, text);
  const Reflection& reflection = *message.GetReflection();
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_BOOL:
      ESPALIER_STORE(Bool, text == "true");
      return "";
    case FieldDescriptor::CPPTYPE_STRING: {
      if (field.type() != FieldDescriptor::TYPE_BYTES) {
        ESPALIER_STORE(String, text);
        return "";
      }
      std::string bytes;
      if (!absl::Base64Unescape(text, &bytes)) return "must be base64";
      ESPALIER_STORE(String, bytes);
      return "";
    }
    case FieldDescriptor::CPPTYPE_ENUM:
      return StoreEnum(message, field, text);
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return StoreTimestamp(message, field, text);
    case FieldDescriptor::CPPTYPE_FLOAT:
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return StoreDouble(message, field, text);
    default:
      return StoreInteger(message, field, text);
  }
}
#undef ESPALIER_STORE

// The one at `index` of a repeated field, or the only one.
#define ESPALIER_VALUE(Type)                                                  \
  (field.is_repeated() ? reflection.GetRepeated##Type(message, &field, index) \
                       : reflection.Get##Type(message, &field))

std::string TextOf(const Message& message, const FieldDescriptor& field, int index) {
  const Reflection& reflection = *message.GetReflection();
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_BOOL:
      return ESPALIER_VALUE(Bool) ? "true" : "false";
    case FieldDescriptor::CPPTYPE_INT32:
      return absl::StrCat(ESPALIER_VALUE(Int32));
    case FieldDescriptor::CPPTYPE_INT64:
      return absl::StrCat(ESPALIER_VALUE(Int64));
    case FieldDescriptor::CPPTYPE_UINT32:
      return absl::StrCat(ESPALIER_VALUE(UInt32));
    case FieldDescriptor::CPPTYPE_UINT64:
      return absl::StrCat(ESPALIER_VALUE(UInt64));
    case FieldDescriptor::CPPTYPE_FLOAT:
      return FormatDouble(ESPALIER_VALUE(Float));
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return FormatDouble(ESPALIER_VALUE(Double));
    case FieldDescriptor::CPPTYPE_ENUM:
      return EnumWord(*field.enum_type(), ESPALIER_VALUE(EnumValue));
    case FieldDescriptor::CPPTYPE_STRING: {
      const std::string text = ESPALIER_VALUE(String);
      return field.type() == FieldDescriptor::TYPE_BYTES ? absl::Base64Escape(text) : text;
    }
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return FormatTimestamp(ESPALIER_VALUE(Message));
  }
  return "";
}
#undef ESPALIER_VALUE

void WriteScalar(const Message& message, const FieldDescriptor& field, int index,
                 DocumentWriter& writer) {
  if (field.type() == FieldDescriptor::TYPE_STRING) {
    const Reflection& reflection = *message.GetReflection();
    std::string scratch;
    return writer.String(
        field.is_repeated()
            ? reflection.GetRepeatedStringReference(message, &field, index, &scratch)
            : reflection.GetStringReference(message, &field, &scratch));
  }
  const std::string text = TextOf(message, field, index);
  if (WantedType(field) == Node::Type::kString) {
    writer.String(text);
  } else {
    writer.Literal(text);
  }
}

}  // namespace espalier
