#include "reconciler/git/known_hosts.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <set>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "engine/base/status.h"
#include "reconciler/git/ssh_wire.h"

namespace espalier {
namespace {

struct KeyType {
  const char* name;
  // As they are agreed upon: RSA keys sign with SHA-2 only.
  std::vector<const char*> algorithms;
};

const std::vector<KeyType>& KeyTypes() {
  static const auto& types = *new std::vector<KeyType>{
      {"ssh-ed25519", {"ssh-ed25519"}},
      {"ecdsa-sha2-nistp256", {"ecdsa-sha2-nistp256"}},
      {"ecdsa-sha2-nistp384", {"ecdsa-sha2-nistp384"}},
      {"ecdsa-sha2-nistp521", {"ecdsa-sha2-nistp521"}},
      {"ssh-rsa", {"rsa-sha2-512", "rsa-sha2-256"}},
  };
  return types;
}

bool IsKeyType(absl::string_view type) {
  return std::any_of(KeyTypes().begin(), KeyTypes().end(),
                     [&](const KeyType& known) { return type == known.name; });
}

// The next word of a line.
absl::string_view TakeWord(absl::string_view& line) {
  line = absl::StripLeadingAsciiWhitespace(line);
  const absl::string_view word = line.substr(0, std::min(line.find_first_of(" \t"), line.size()));
  line.remove_prefix(word.size());
  return word;
}

// Whether `key` is the base64 of a key of this type, spelled as it always is: keys are compared by
// their text, and a revoked one has no second spelling.
bool IsKey(absl::string_view type, absl::string_view key) {
  std::string bytes;
  if (!absl::Base64Unescape(key, &bytes) || absl::Base64Escape(bytes) != key) return false;
  SshReader reader(bytes);
  return reader.Text() == type && reader.ok() && !reader.AtEnd();
}

// "|1|salt|hash" taken apart; false if it is none.
bool ParseHashed(absl::string_view name, std::string& salt, std::string& hash) {
  const std::vector<absl::string_view> parts = absl::StrSplit(name, '|');
  return parts.size() == 4 && parts[0].empty() && parts[1] == "1" &&
         absl::Base64Unescape(parts[2], &salt) && absl::Base64Unescape(parts[3], &hash) &&
         salt.size() == 20 && hash.size() == 20;
}

bool MatchesHashed(absl::string_view hashed, absl::string_view name) {
  std::string salt;
  std::string hash;
  if (!ParseHashed(hashed, salt, hash)) return false;
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  HMAC(EVP_sha1(), salt.data(), static_cast<int>(salt.size()),
       reinterpret_cast<const unsigned char*>(name.data()), name.size(), digest, &size);
  return hash == absl::string_view(reinterpret_cast<const char*>(digest), size);
}

// "*" stands for any text, "?" for one letter. In time that grows with the product of the two.
bool MatchesPattern(absl::string_view pattern, absl::string_view name) {
  std::size_t star = absl::string_view::npos;
  std::size_t after_star = 0;
  std::size_t p = 0;
  std::size_t n = 0;
  while (n < name.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      after_star = n;
    } else if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == name[n])) {
      ++p;
      ++n;
    } else if (star != absl::string_view::npos) {
      p = star + 1;
      n = ++after_star;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

bool MatchesNames(absl::string_view names, absl::string_view name) {
  if (absl::StartsWith(names, "|")) return MatchesHashed(names, name);
  bool matches = false;
  for (absl::string_view pattern : absl::StrSplit(names, ',', absl::SkipEmpty())) {
    const bool is_not = absl::ConsumePrefix(&pattern, "!");
    if (!MatchesPattern(absl::AsciiStrToLower(pattern), name)) continue;
    if (is_not) return false;
    matches = true;
  }
  return matches;
}

std::string NameOf(absl::string_view host, std::uint16_t port) {
  const std::string lower = absl::AsciiStrToLower(host);
  return port == 22 ? lower : absl::StrCat("[", lower, "]:", port);
}

}  // namespace

absl::StatusOr<KnownHosts::Line> KnownHosts::ParseLine(absl::string_view text) {
  Line line;
  absl::string_view word = TakeWord(text);
  if (word == "@cert-authority" || word == "@revoked") {
    line.marker = word == "@revoked" ? Marker::kRevoked : Marker::kAuthority;
    word = TakeWord(text);
  } else if (absl::StartsWith(word, "@")) {
    return absl::InvalidArgumentError("has an unknown marker");
  }
  line.names = std::string(word);
  line.type = std::string(TakeWord(text));
  line.key = std::string(TakeWord(text));
  std::string salt;
  std::string hash;
  if (absl::StartsWith(line.names, "|") && !ParseHashed(line.names, salt, hash)) {
    return absl::InvalidArgumentError("has a malformed hashed name");
  }
  if (line.key.empty()) return absl::InvalidArgumentError("is not \"names key-type key\"");
  if (!IsKeyType(line.type)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "is of a kind of key that is not taken (Ed25519, ECDSA and RSA are), or of none"));
  }
  if (!IsKey(line.type, line.key)) {
    return absl::InvalidArgumentError("has no key of the kind that it names");
  }
  return line;
}

absl::StatusOr<KnownHosts> KnownHosts::Parse(absl::string_view text) {
  KnownHosts hosts;
  int number = 0;
  for (absl::string_view row : absl::StrSplit(text, '\n')) {
    ++number;
    row = absl::StripAsciiWhitespace(row);
    if (row.empty() || row.front() == '#') continue;
    absl::StatusOr<Line> line = ParseLine(row);
    if (!line.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat("line ", number, " of known_hosts ", line.status().message()));
    }
    hosts.lines_.push_back(*std::move(line));
  }
  if (hosts.lines_.empty()) return absl::InvalidArgumentError("known_hosts has no line");
  return hosts;
}

absl::StatusOr<KnownHosts::Host> KnownHosts::Find(absl::string_view host,
                                                  std::uint16_t port) const {
  const std::string name = NameOf(host, port);
  std::set<std::string> revoked;
  for (const Line& line : lines_) {
    // A key that somebody has lost is trusted nowhere, whatever host the line names.
    if (line.marker == Marker::kRevoked) revoked.insert(line.key);
  }
  Host found;
  std::set<std::string> types;
  bool has_authority = false;
  for (const Line& line : lines_) {
    if (line.marker == Marker::kRevoked) {
      absl::StrAppend(&found.lines, "@revoked * ", line.type, " ", line.key, "\n");
      continue;
    }
    if (revoked.contains(line.key) || !MatchesNames(line.names, name)) continue;
    const bool is_authority = line.marker == Marker::kAuthority;
    absl::StrAppend(&found.lines, is_authority ? "@cert-authority " : "", name, " ", line.type, " ",
                    line.key, "\n");
    has_authority = has_authority || is_authority;
    if (!is_authority) types.insert(line.type);
  }
  if (types.empty() && !has_authority) {
    return absl::FailedPreconditionError(
        absl::StrCat("known_hosts has no key of ", name,
                     "; ssh-keyscan shows the host's, and its owner says which are right"));
  }
  for (const KeyType& type : KeyTypes()) {
    if (!has_authority) break;
    // What an authority signs may be of any kind.
    for (const char* algorithm : type.algorithms) {
      found.algorithms.push_back(absl::StrCat(algorithm, "-cert-v01@openssh.com"));
    }
  }
  for (const KeyType& type : KeyTypes()) {
    if (!types.contains(type.name)) continue;
    found.algorithms.insert(found.algorithms.end(), type.algorithms.begin(), type.algorithms.end());
  }
  return found;
}

}  // namespace espalier
