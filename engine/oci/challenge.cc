#include "engine/oci/challenge.h"

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"

namespace espalier::oci {
namespace {

bool IsTokenChar(char c) {
  return absl::ascii_isalnum(c) ||
         absl::string_view("!#$%&'*+-.^_`|~").find(c) != absl::string_view::npos;
}

// Reads a header from left to right. The grammar is ambiguous about commas (they separate both
// challenges and their parameters): "token =" is a parameter, any other token begins a challenge.
class Reader {
 public:
  explicit Reader(absl::string_view text) : rest_(text) {}

  bool AtEnd() const { return rest_.empty(); }

  void SkipSpace() {
    while (!rest_.empty() && (rest_[0] == ' ' || rest_[0] == '\t')) rest_.remove_prefix(1);
  }
  void SkipSeparators() {
    while (!rest_.empty() && (rest_[0] == ' ' || rest_[0] == '\t' || rest_[0] == ',')) {
      rest_.remove_prefix(1);
    }
  }

  // Empty if there is none.
  std::string Token() {
    std::size_t size = 0;
    while (size < rest_.size() && IsTokenChar(rest_[size])) ++size;
    std::string token(rest_.substr(0, size));
    rest_.remove_prefix(size);
    return token;
  }

  bool Take(char c) {
    if (rest_.empty() || rest_[0] != c) return false;
    rest_.remove_prefix(1);
    return true;
  }

  // What stands between quotes, without its backslashes; false if the closing quote is missing.
  bool Quoted(std::string& value) {
    while (!rest_.empty()) {
      char c = rest_[0];
      rest_.remove_prefix(1);
      if (c == '"') return true;
      if (c == '\\') {
        if (rest_.empty()) return false;
        c = rest_[0];
        rest_.remove_prefix(1);
      }
      value += c;
    }
    return false;
  }

  // token68: what follows "Basic" or "Negotiate" instead of parameters. Not needed, only skipped.
  bool SkipToken68() {
    std::size_t size = 0;
    while (size < rest_.size() && (IsTokenChar(rest_[size]) || rest_[size] == '/')) ++size;
    std::size_t end = size;
    while (end < rest_.size() && rest_[end] == '=') ++end;
    const bool ends_here = end == rest_.size() || rest_[end] == ',' || rest_[end] == ' ';
    if (size == 0 || !ends_here) return false;
    rest_.remove_prefix(end);
    return true;
  }

 private:
  absl::string_view rest_;
};

absl::Status Malformed(absl::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat("WWW-Authenticate header: ", why));
}

// Reads "= value"; the name is read already.
absl::Status ReadValue(Reader& reader, const std::string& name, Challenge& challenge) {
  reader.SkipSpace();
  std::string value;
  if (reader.Take('"')) {
    if (!reader.Quoted(value)) return Malformed("a quote is not closed");
  } else {
    value = reader.Token();
    if (value.empty()) return Malformed("a parameter has no value");
  }
  challenge.parameters.emplace(absl::AsciiStrToLower(name), std::move(value));
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<Challenge>> ParseChallenges(absl::string_view header) {
  Reader reader(header);
  std::vector<Challenge> challenges;
  // Right behind a scheme a token68 may stand.
  bool after_scheme = false;
  while (reader.SkipSeparators(), !reader.AtEnd()) {
    Reader before = reader;
    const std::string word = reader.Token();
    if (word.empty()) {
      if (after_scheme && reader.SkipToken68()) {
        after_scheme = false;
        continue;
      }
      return Malformed("a scheme or a parameter is expected");
    }
    Reader behind = reader;
    behind.SkipSpace();
    if (behind.Take('=') && !challenges.empty()) {
      Reader token68 = before;
      if (after_scheme && token68.SkipToken68()) {
        reader = token68;
        after_scheme = false;
        continue;
      }
      reader = behind;
      absl::Status status = ReadValue(reader, word, challenges.back());
      if (!status.ok()) return status;
      after_scheme = false;
      continue;
    }
    challenges.push_back({absl::AsciiStrToLower(word), {}});
    after_scheme = true;
  }
  return challenges;
}

}  // namespace espalier::oci
