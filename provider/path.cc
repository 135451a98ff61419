#include "provider/path.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace espalier::provider {
namespace {

bool IsIndex(absl::string_view text) {
  return !text.empty() && text.size() < 10 &&
         std::all_of(text.begin(), text.end(), [](char c) { return absl::ascii_isdigit(c); });
}

}  // namespace

Step AttributeStep(absl::string_view name) {
  return {Step::Kind::kAttribute, std::string(name), 0};
}
Step KeyStep(absl::string_view key) { return {Step::Kind::kKey, std::string(key), 0}; }
Step IndexStep(std::int64_t index) { return {Step::Kind::kIndex, "", index}; }

Path PathOfModel(absl::string_view model_path) {
  Path path;
  absl::string_view rest = model_path;
  if (!absl::ConsumePrefix(&rest, "spec.") && !absl::ConsumePrefix(&rest, "metadata.")) return path;
  while (!rest.empty()) {
    if (rest.front() == '[') {
      // Keys are names and labels: none of them holds a bracket.
      const std::size_t end = rest.find(']');
      if (end == absl::string_view::npos) break;
      const absl::string_view key = rest.substr(1, end - 1);
      std::int64_t index = 0;
      if (IsIndex(key) && absl::SimpleAtoi(key, &index)) {
        path.push_back(IndexStep(index));
      } else {
        path.push_back(KeyStep(key));
      }
      rest.remove_prefix(end + 1);
    } else {
      absl::ConsumePrefix(&rest, ".");
      const std::size_t end = std::min(rest.find_first_of(".["), rest.size());
      if (end == 0) break;
      path.push_back(AttributeStep(rest.substr(0, end)));
      rest.remove_prefix(end);
    }
  }
  return path;
}

std::string ToString(const Path& path) {
  std::string text;
  for (const Step& step : path) {
    switch (step.kind) {
      case Step::Kind::kAttribute:
        absl::StrAppend(&text, text.empty() ? "" : ".", step.text);
        break;
      case Step::Kind::kKey:
        absl::StrAppend(&text, "[\"", step.text, "\"]");
        break;
      case Step::Kind::kIndex:
        absl::StrAppend(&text, "[", step.index, "]");
        break;
    }
  }
  return text;
}

}  // namespace espalier::provider
