#include "provider/call_schema.h"

#include "absl/strings/str_cat.h"
#include "engine/model/validate.h"

namespace espalier::provider {
namespace {

void Refuse(absl::string_view name, absl::string_view why, Diagnostics& diagnostics) {
  diagnostics.Error(absl::StrCat("Invalid ", name), why, {AttributeStep(name)});
}

}  // namespace

Attribute TimeoutAttribute(absl::string_view fallback) {
  return TextAttribute(
      kTimeout, Attribute::Use::kOptional,
      absl::StrCat("How long it may take, like \"90s\" or \"1h30m\". Default: ", fallback, "."));
}

std::string NoName(absl::string_view text) {
  return absl::StrCat("\"", text, "\" is no name: a name is lower-case letters, digits and \"-\", ",
                      "at most 63, and begins and ends with a letter or digit");
}

std::optional<absl::Duration> ReadDuration(absl::string_view text) {
  absl::Duration duration;
  const bool is_one = absl::ParseDuration(text, &duration) && duration > absl::ZeroDuration() &&
                      duration <= kLongestDuration;
  return is_one ? std::optional<absl::Duration>(duration) : std::nullopt;
}

bool IsNoDuration(const Value& config, absl::string_view name) {
  return config.At(name).is_known() && !ReadDuration(config.At(name).text());
}

void CheckDuration(const Value& config, absl::string_view name, Diagnostics& diagnostics) {
  if (IsNoDuration(config, name)) {
    Refuse(name, absl::StrCat("It must be ", kDurationText, "."), diagnostics);
  }
}

void CheckName(const Value& config, absl::string_view name, Diagnostics& diagnostics) {
  const Value& value = config.At(name);
  if (value.is_known() && !IsValidName(value.text())) {
    Refuse(name, absl::StrCat(NoName(value.text()), "."), diagnostics);
  }
}

void CheckRange(const Value& config, absl::string_view name, std::int64_t smallest,
                std::int64_t largest, Diagnostics& diagnostics) {
  const Number* number = config.At(name).as_number();
  if (number == nullptr) return;
  const std::optional<std::int64_t> whole = number->AsInt64();
  if (!whole || *whole < smallest || *whole > largest) {
    Refuse(name,
           absl::StrCat("It must be a whole number between ", smallest, " and ", largest, "."),
           diagnostics);
  }
}

absl::Duration DurationOf(const Value& config, absl::string_view name, absl::Duration fallback) {
  return ReadDuration(config.At(name).text()).value_or(fallback);
}

std::int64_t WholeOf(const Value& config, absl::string_view name, std::int64_t fallback) {
  const Number* number = config.At(name).as_number();
  return number != nullptr ? number->AsInt64().value_or(fallback) : fallback;
}

Ref RefFor(Kind kind, const Value& config, const Value& default_namespace) {
  Ref ref{kind, "", std::string(config.At(kName).text())};
  if (InfoOf(kind).namespaced) {
    const Value& ns = config.At(kNamespace);
    ref.ns = std::string((ns.is_null() ? default_namespace : ns).text());
  }
  return ref;
}

}  // namespace espalier::provider
