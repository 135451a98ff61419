// Value: anything that Terraform can say about an attribute: null, a value, or "not known yet",
// with what is known of it all the same. The one type between the wire and the model. Sets and
// tuples are lists here, objects are maps: the schema knows which. A value.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/string_view.h"
#include "provider/number.h"

namespace espalier::provider {

// What is known of an unknown value. One that we emit is a promise about the final value.
struct Refinement {
  struct Bound {
    Number value;
    bool inclusive = true;
    bool operator==(const Bound&) const = default;
  };
  bool not_null = false;
  // Of a string.
  std::string prefix;
  // Of a number.
  std::optional<Bound> lower;
  std::optional<Bound> upper;
  // Of a collection's length.
  std::optional<Number> min_length;
  std::optional<Number> max_length;

  bool empty() const { return *this == Refinement(); }
  bool operator==(const Refinement&) const = default;
};

// A refinement where a value keeps it: apart, because it is six times as large as anything else
// that a value can be, and there are few. Copied with its value.
class KeptRefinement {
 public:
  explicit KeptRefinement(Refinement refinement)
      : refinement_(std::make_unique<Refinement>(std::move(refinement))) {}
  KeptRefinement(const KeptRefinement& other) : KeptRefinement(*other.refinement_) {}
  KeptRefinement(KeptRefinement&&) noexcept = default;
  KeptRefinement& operator=(const KeptRefinement& other) {
    refinement_ = std::make_unique<Refinement>(*other.refinement_);
    return *this;
  }
  KeptRefinement& operator=(KeptRefinement&&) noexcept = default;

  const Refinement& get() const { return *refinement_; }
  bool operator==(const KeptRefinement& other) const { return get() == other.get(); }

 private:
  // Null only in what was moved from.
  std::unique_ptr<Refinement> refinement_;
};

class Value {
 public:
  // Sorted by key, keys unique.
  using Entries = std::vector<std::pair<std::string, Value>>;
  using Items = std::vector<Value>;

  // Null.
  Value() = default;
  static Value Unknown() { return Unknown(Refinement()); }
  static Value Unknown(Refinement refinement) {
    return Value(KeptRefinement(std::move(refinement)));
  }
  static Value Bool(bool value) { return Value(value); }
  static Value Of(Number value) { return Value(std::move(value)); }
  static Value String(absl::string_view value) { return Value(std::string(value)); }
  static Value List(Items items) { return Value(std::move(items)); }
  // Sorts the entries. REQUIRES: keys are unique.
  static Value Map(Entries entries);

  bool is_null() const { return std::holds_alternative<std::monostate>(data_); }
  bool is_unknown() const { return std::holds_alternative<KeptRefinement>(data_); }
  // Neither null nor unknown.
  bool is_known() const { return !is_null() && !is_unknown(); }
  // Nothing in it, at any depth, is unknown.
  bool IsWhollyKnown() const;

  // The content, or null if it is of another type.
  const Refinement* refinement() const {
    const auto* kept = std::get_if<KeptRefinement>(&data_);
    return kept != nullptr ? &kept->get() : nullptr;
  }
  const bool* as_bool() const { return std::get_if<bool>(&data_); }
  const Number* as_number() const { return std::get_if<Number>(&data_); }
  const std::string* as_string() const { return std::get_if<std::string>(&data_); }
  const Items* as_list() const { return std::get_if<Items>(&data_); }
  const Entries* as_map() const { return std::get_if<Entries>(&data_); }

  // The same, to change what is in it. Entries stay sorted, with unique keys.
  Items* mutable_list() { return std::get_if<Items>(&data_); }
  Entries* mutable_map() { return std::get_if<Entries>(&data_); }

  // The entry of a map; null if there is none or this is no map.
  const Value* Find(absl::string_view key) const;
  // The same, but a null value where there is none.
  const Value& At(absl::string_view key) const;
  // The text of a string; empty for anything else.
  absl::string_view text() const;
  // Sets an entry. REQUIRES: this is a map.
  void Set(absl::string_view key, Value value);

  bool operator==(const Value&) const;

 private:
  using Data =
      std::variant<std::monostate, KeptRefinement, bool, Number, std::string, Items, Entries>;
  template <typename T>
  explicit Value(T data) : data_(std::move(data)) {}

  Data data_;
};

}  // namespace espalier::provider
