#include "engine/model/secret_look.h"

#include <cstddef>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"

namespace espalier {
namespace {

// A token: how it begins, and how many letters and digits follow at least.
struct Form {
  absl::string_view prefix;
  std::size_t follow;
};

constexpr Form kForms[] = {
    {"esp_", 32},  // Espalier
    {"ghp_", 36},  // GitHub: personal, OAuth, user, server, refresh, fine-grained
    {"gho_", 36},        {"ghu_", 36},      {"ghs_", 36},  {"ghr_", 36},
    {"github_pat_", 22}, {"glpat-", 20},    {"gldt-", 20}, {"glrt-", 20},  // GitLab
    {"AKIA", 16},        {"ASIA", 16},                                     // Amazon
    {"AIza", 35},                                                          // Google
    {"xoxb-", 20},       {"xoxp-", 20},     {"xapp-", 20},                 // Slack
    {"npm_", 36},        {"dckr_pat_", 20},                                // registries
    {"hvs.", 20},                                                          // Vault
};

bool IsTokenByte(char c) { return absl::ascii_isalnum(c) || c == '_' || c == '-'; }

bool HoldsToken(absl::string_view text) {
  for (std::size_t begin = 0; begin < text.size();) {
    if (!IsTokenByte(text[begin])) {
      ++begin;
      continue;
    }
    // One word: forms are looked for at its beginning only.
    std::size_t end = begin;
    while (end < text.size() && (IsTokenByte(text[end]) || text[end] == '.')) ++end;
    const absl::string_view word = text.substr(begin, end - begin);
    for (const Form& form : kForms) {
      if (absl::StartsWith(word, form.prefix) && word.size() >= form.prefix.size() + form.follow) {
        return true;
      }
    }
    begin = end;
  }
  return false;
}

// "https://ana:s3cret@host/".
bool HoldsUrlWithPassword(absl::string_view text) {
  constexpr absl::string_view kMark = "://";
  for (std::size_t at = text.find(kMark); at != absl::string_view::npos;
       at = text.find(kMark, at + kMark.size())) {
    absl::string_view authority = text.substr(at + kMark.size());
    authority = authority.substr(0, authority.find_first_of("/?# \t\r\n\"'"));
    const std::size_t at_sign = authority.rfind('@');
    if (at_sign == absl::string_view::npos) continue;
    const std::size_t colon = authority.find(':');
    // A password may be left to a variable.
    if (colon < at_sign && colon + 1 < at_sign && authority[colon + 1] != '$' &&
        authority[colon + 1] != '{') {
      return true;
    }
  }
  return false;
}

bool HoldsPrivateKey(absl::string_view text) {
  const std::size_t begin = text.find("-----BEGIN ");
  return begin != absl::string_view::npos &&
         absl::StrContains(text.substr(begin, 64), "PRIVATE KEY-----");
}

}  // namespace

bool LooksLikeSecret(absl::string_view text) {
  return HoldsPrivateKey(text) || HoldsToken(text) || HoldsUrlWithPassword(text);
}

}  // namespace espalier
