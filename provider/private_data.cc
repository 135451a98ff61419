#include "provider/private_data.h"

#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace espalier::provider {
namespace {

constexpr absl::string_view kAdopt = "adopt";
constexpr absl::string_view kTransfer = "transfer";
constexpr absl::string_view kGeneration = "generation=";

}  // namespace

std::string ToText(const PrivateData& data) {
  std::vector<std::string> words;
  if (data.takeover == Takeover::kAdopt) words.emplace_back(kAdopt);
  if (data.takeover == Takeover::kTransfer) words.emplace_back(kTransfer);
  if (data.generation != 0) words.push_back(absl::StrCat(kGeneration, data.generation));
  return absl::StrJoin(words, " ");
}

PrivateData PrivateDataFrom(absl::string_view text) {
  PrivateData data;
  for (absl::string_view word : absl::StrSplit(text, ' ')) {
    if (word == kAdopt) data.takeover = Takeover::kAdopt;
    if (word == kTransfer) data.takeover = Takeover::kTransfer;
    if (std::int64_t number = 0;
        absl::ConsumePrefix(&word, kGeneration) && absl::SimpleAtoi(word, &number) && number > 0) {
      data.generation = number;
    }
  }
  return data;
}

}  // namespace espalier::provider
