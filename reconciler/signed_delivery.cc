#include "reconciler/signed_delivery.h"

#include <cstddef>
#include <cstdint>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "engine/base/sha256.h"

namespace espalier {
namespace {

constexpr absl::string_view kSigningToken = "whsec_";
// What the standard recommends: clocks differ, and forges queue.
constexpr absl::Duration kTolerance = absl::Minutes(5);
// Taken within twice that; beyond, the oldest may come again: it would only have us look.
constexpr std::size_t kRemembered = 4096;

std::string KeyOf(absl::string_view secret) {
  std::string key;
  absl::string_view base64 = secret;
  if (absl::ConsumePrefix(&base64, kSigningToken) && absl::Base64Unescape(base64, &key)) return key;
  return std::string(secret);
}

}  // namespace

std::optional<SignedDelivery> FindSignedDelivery(const HttpHeaders& headers) {
  SignedDelivery delivery;
  const std::pair<absl::string_view, std::string*> parts[] = {
      {"webhook-id", &delivery.id},
      {"webhook-timestamp", &delivery.timestamp},
      {"webhook-signature", &delivery.signatures}};
  bool any = false;
  for (const auto& [wanted, part] : parts) {
    int times = 0;
    for (const auto& [name, value] : headers) {
      if (!absl::EqualsIgnoreCase(name, wanted)) continue;
      *part = ++times == 1 ? value : "";
      any = true;
    }
  }
  if (!any) return std::nullopt;
  return delivery;
}

bool IsSigningToken(absl::string_view secret) { return absl::StartsWith(secret, kSigningToken); }

bool IsProven(const SignedDelivery& delivery, absl::string_view body, absl::string_view secret,
              absl::Time now) {
  std::int64_t seconds = 0;
  if (delivery.id.empty() || !absl::SimpleAtoi(delivery.timestamp, &seconds)) return false;
  const std::string key = KeyOf(secret);
  if (key.empty()) return false;
  const std::string hex =
      HmacSha256Hex(key, absl::StrCat(delivery.id, ".", delivery.timestamp, ".", body));
  const std::string right = absl::StrCat("v1,", absl::Base64Escape(absl::HexStringToBytes(hex)));
  bool proven = false;
  for (absl::string_view signature : absl::StrSplit(delivery.signatures, ' ')) {
    proven = ConstantTimeEquals(signature, right) || proven;
  }
  return proven && absl::AbsDuration(now - absl::FromUnixSeconds(seconds)) <= kTolerance;
}

bool TakenDeliveries::Take(absl::string_view source, const SignedDelivery& delivery,
                           absl::Time now) {
  const std::string digest =
      Sha256Hex(absl::StrCat(source, "\n", delivery.timestamp, "\n", delivery.id));
  MutexLock lock(mu_);
  while (!taken_.empty() && (taken_.front().over < now || taken_.size() >= kRemembered)) {
    digests_.erase(taken_.front().digest);
    taken_.pop_front();
  }
  if (!digests_.insert(digest).second) return false;
  taken_.push_back({.over = now + 2 * kTolerance, .digest = digest});
  return true;
}

}  // namespace espalier
