#include "engine/base/semver.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace espalier {
namespace {

// Longer ones are no versions: a tag's name comes from a stranger.
constexpr std::size_t kVersionBytes = 255;

bool IsNumber(absl::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), absl::ascii_isdigit);
}

bool ParseNumber(absl::string_view text, std::uint64_t& number) {
  return IsNumber(text) && (text.size() == 1 || text.front() != '0') &&
         absl::SimpleAtoi(text, &number);
}

bool IsIdentifier(absl::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return absl::ascii_isalnum(c) || c == '-';
  });
}

// "rc.1" of "-rc.1+build". False if it is malformed.
bool ParseSuffix(absl::string_view text, std::vector<std::string>& pre_release) {
  const std::size_t plus = text.find('+');
  if (plus != absl::string_view::npos) {
    for (absl::string_view part : absl::StrSplit(text.substr(plus + 1), '.')) {
      if (!IsIdentifier(part)) return false;
    }
    text = text.substr(0, plus);
  }
  if (text.empty()) return true;
  if (!absl::ConsumePrefix(&text, "-")) return false;
  for (absl::string_view part : absl::StrSplit(text, '.')) {
    if (!IsIdentifier(part)) return false;
    if (IsNumber(part) && part.size() > 1 && part.front() == '0') return false;
    pre_release.emplace_back(part);
  }
  return true;
}

template <typename T>
int ThreeWay(const T& left, const T& right) {
  return left < right ? -1 : right < left ? 1 : 0;
}

int CompareIdentifiers(const std::string& left, const std::string& right) {
  const bool left_is_number = IsNumber(left);
  if (left_is_number != IsNumber(right)) return left_is_number ? -1 : 1;
  // Without leading zeros the longer number is the larger one, however long it is.
  if (left_is_number && left.size() != right.size()) return left.size() < right.size() ? -1 : 1;
  return ThreeWay(left, right);
}

// The lowest of all that come before the release: "<2" contains no 2.0.0-rc.1.
SemVer Floor(SemVer release) {
  release.pre_release = {"0"};
  return release;
}

}  // namespace

std::optional<SemVer> ParseSemVer(absl::string_view text) {
  if (text.size() > kVersionBytes) return std::nullopt;
  absl::ConsumePrefix(&text, "v");
  const std::size_t suffix = std::min(text.find_first_of("-+"), text.size());
  const std::vector<absl::string_view> numbers = absl::StrSplit(text.substr(0, suffix), '.');
  SemVer version;
  if (numbers.size() != 3 || !ParseNumber(numbers[0], version.major) ||
      !ParseNumber(numbers[1], version.minor) || !ParseNumber(numbers[2], version.patch) ||
      !ParseSuffix(text.substr(suffix), version.pre_release)) {
    return std::nullopt;
  }
  return version;
}

int Compare(const SemVer& left, const SemVer& right) {
  if (const int c = ThreeWay(left.major, right.major); c != 0) return c;
  if (const int c = ThreeWay(left.minor, right.minor); c != 0) return c;
  if (const int c = ThreeWay(left.patch, right.patch); c != 0) return c;
  if (left.pre_release.empty() || right.pre_release.empty()) {
    return static_cast<int>(left.pre_release.empty()) - static_cast<int>(right.pre_release.empty());
  }
  const std::size_t common = std::min(left.pre_release.size(), right.pre_release.size());
  for (std::size_t i = 0; i < common; ++i) {
    const int c = CompareIdentifiers(left.pre_release[i], right.pre_release[i]);
    if (c != 0) return c;
  }
  return ThreeWay(left.pre_release.size(), right.pre_release.size());
}

// A version whose end may be left open.
struct SemVerRange::Partial {
  // Parts that are given: 0 is "*", 3 a whole version.
  int parts = 0;
  SemVer version;

  // The first release after everything that it stands for.
  SemVer End() const {
    if (parts == 1) return {.major = version.major + 1};
    return {.major = version.major, .minor = version.minor + 1};
  }
};

std::optional<SemVerRange::Partial> SemVerRange::ParsePartial(absl::string_view text) {
  if (std::optional<SemVer> whole = ParseSemVer(text)) return Partial{3, *std::move(whole)};
  absl::ConsumePrefix(&text, "v");
  Partial partial;
  bool open = false;
  const std::vector<absl::string_view> parts = absl::StrSplit(text, '.');
  if (parts.size() > 3) return std::nullopt;
  std::uint64_t* const numbers[] = {&partial.version.major, &partial.version.minor,
                                    &partial.version.patch};
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (parts[i] == "*" || parts[i] == "x" || parts[i] == "X") {
      open = true;
    } else if (open || !ParseNumber(parts[i], *numbers[i])) {
      return std::nullopt;
    } else {
      ++partial.parts;
    }
  }
  return partial;
}

void SemVerRange::Add(Operator op, SemVer version) {
  comparisons_.push_back({op, std::move(version)});
}

void SemVerRange::AddUpTo(const Partial& partial, SemVer end) {
  Add(Operator::kGreaterOrEqual, partial.version);
  Add(Operator::kLess, Floor(std::move(end)));
}

bool SemVerRange::AddComparison(absl::string_view op, const Partial& partial) {
  const SemVer& version = partial.version;
  const bool whole = partial.parts == 3;
  if (partial.parts == 0) {
    // "<*" would contain nothing.
    return op.empty() || op == "=" || op == ">=" || op == "<=" || op == "^" || op == "~";
  }
  if (op == ">=") {
    Add(Operator::kGreaterOrEqual, version);
  } else if (op == "<") {
    Add(Operator::kLess, whole ? version : Floor(version));
  } else if (op == ">") {
    whole ? Add(Operator::kGreater, version) : Add(Operator::kGreaterOrEqual, partial.End());
  } else if (op == "<=") {
    whole ? Add(Operator::kLessOrEqual, version) : Add(Operator::kLess, Floor(partial.End()));
  } else if (op == "^") {
    // What may break is the first number that is not zero.
    if (version.major > 0 || partial.parts == 1) {
      AddUpTo(partial, {.major = version.major + 1});
    } else if (version.minor > 0 || partial.parts == 2) {
      AddUpTo(partial, {.minor = version.minor + 1});
    } else {
      AddUpTo(partial, {.patch = version.patch + 1});
    }
  } else if (whole && op != "~") {
    Add(Operator::kEqual, version);
  } else {
    // "~1.2.3", "~1.2" and "1.2".
    AddUpTo(partial, partial.End());
  }
  return true;
}

absl::StatusOr<SemVerRange> SemVerRange::Parse(absl::string_view text) {
  SemVerRange range;
  absl::string_view op;
  bool any = false;
  for (absl::string_view word : absl::StrSplit(text, absl::ByAnyChar(" ,"), absl::SkipEmpty())) {
    const absl::string_view whole_word = word;
    // "> 1.2" is written as well.
    if (op.empty()) {
      op = word.substr(0, std::min(word.find_first_not_of("<>=^~"), word.size()));
      word.remove_prefix(op.size());
      if (word.empty()) continue;
    }
    const bool known = op.empty() || op == ">=" || op == ">" || op == "<" || op == "<=" ||
                       op == "=" || op == "^" || op == "~";
    const std::optional<Partial> partial = ParsePartial(word);
    if (!known || !partial.has_value() || !range.AddComparison(op, *partial)) {
      return absl::InvalidArgumentError(
          absl::StrCat("\"", whole_word, "\" is no comparison with a version (as \">=1.2\")"));
    }
    op = {};
    any = true;
  }
  if (!any || !op.empty()) return absl::InvalidArgumentError("the range compares with no version");
  return range;
}

bool SemVerRange::Contains(const SemVer& version) const {
  bool named = version.pre_release.empty();
  for (const Comparison& comparison : comparisons_) {
    const SemVer& other = comparison.version;
    const int c = Compare(version, other);
    bool holds = false;
    switch (comparison.op) {
      case Operator::kLess:
        holds = c < 0;
        break;
      case Operator::kLessOrEqual:
        holds = c <= 0;
        break;
      case Operator::kEqual:
        holds = c == 0;
        break;
      case Operator::kGreaterOrEqual:
        holds = c >= 0;
        break;
      case Operator::kGreater:
        holds = c > 0;
        break;
    }
    if (!holds) return false;
    named = named || (!other.pre_release.empty() && other.major == version.major &&
                      other.minor == version.minor && other.patch == version.patch);
  }
  return named;
}

}  // namespace espalier
