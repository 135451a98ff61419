#include "provider/value.h"

#include <algorithm>

#include "engine/base/check.h"

namespace espalier::provider {
namespace {

bool KeyLess(const std::pair<std::string, Value>& entry, absl::string_view key) {
  return entry.first < key;
}

}  // namespace

Value Value::Map(Entries entries) {
  const auto by_key = [](const auto& a, const auto& b) { return a.first < b.first; };
  // Nearly always they are: core sends them so, and schemas are.
  if (!std::is_sorted(entries.begin(), entries.end(), by_key)) {
    std::sort(entries.begin(), entries.end(), by_key);
  }
  return Value(std::move(entries));
}

bool Value::IsWhollyKnown() const {
  if (is_unknown()) return false;
  if (const Items* items = as_list()) {
    return std::all_of(items->begin(), items->end(),
                       [](const Value& item) { return item.IsWhollyKnown(); });
  }
  if (const Entries* entries = as_map()) {
    return std::all_of(entries->begin(), entries->end(),
                       [](const auto& entry) { return entry.second.IsWhollyKnown(); });
  }
  return true;
}

const Value* Value::Find(absl::string_view key) const {
  const Entries* entries = as_map();
  if (entries == nullptr) return nullptr;
  const auto found = std::lower_bound(entries->begin(), entries->end(), key, KeyLess);
  return found != entries->end() && found->first == key ? &found->second : nullptr;
}

const Value& Value::At(absl::string_view key) const {
  static const Value& null = *new Value();
  const Value* found = Find(key);
  return found != nullptr ? *found : null;
}

absl::string_view Value::text() const {
  const std::string* text = as_string();
  return text != nullptr ? absl::string_view(*text) : absl::string_view();
}

void Value::Set(absl::string_view key, Value value) {
  Entries* entries = std::get_if<Entries>(&data_);
  ESPALIER_CHECK(entries != nullptr);
  const auto found = std::lower_bound(entries->begin(), entries->end(), key, KeyLess);
  if (found != entries->end() && found->first == key) {
    found->second = std::move(value);
  } else {
    entries->emplace(found, std::string(key), std::move(value));
  }
}

bool Value::operator==(const Value& other) const { return data_ == other.data_; }

}  // namespace espalier::provider
