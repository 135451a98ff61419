// A webhook: lines of headers, an empty line, and the body; "$HEX", "$SIGNATURE", "$SECRET", "$NOW"
// and "$DELIVERY" in a header stand for what the right sender would write. It is taken if something
// proves it and nothing speaks against it, and whatever is taken, is not under another secret.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "engine/base/check.h"
#include "engine/base/sha256.h"
#include "reconciler/webhook.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_io.h"

namespace espalier {
namespace {

constexpr char kSecret[] = "s3cret of the source";

HttpHeaders HeadersOf(absl::string_view& text) {
  HttpHeaders headers;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const absl::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(text.size(), end + 1));
    if (line.empty()) break;
    const std::size_t colon = std::min(line.find(':'), line.size());
    absl::string_view value = line.substr(std::min(line.size(), colon + 1));
    absl::ConsumePrefix(&value, " ");
    headers.emplace_back(std::string(line.substr(0, colon)), std::string(value));
  }
  return headers;
}

// What a forge proves itself by, or a part of that, told in other words than the code under test.
bool IsProof(absl::string_view name) {
  const std::string lower = absl::AsciiStrToLower(name);
  return lower == "x-hub-signature-256" || lower == "x-gitea-signature" ||
         lower == "x-forgejo-signature" || lower == "x-gogs-signature" ||
         lower == "x-gitlab-token" || lower == "webhook-id" || lower == "webhook-timestamp" ||
         lower == "webhook-signature";
}

// The first, as it is before anything in it is filled in.
std::string Value(const HttpHeaders& headers, absl::string_view name) {
  for (const auto& [known, value] : headers) {
    if (absl::EqualsIgnoreCase(known, name)) return value;
  }
  return "";
}

int Answer(const HttpHeaders& headers, absl::string_view body, bool& looked) {
  FakeClock clock;
  FakeIo io(clock);
  const std::unique_ptr<Log> log = MakeNullLog();
  Webhook webhook(
      clock, io, *log, "",
      [](const std::string&) -> std::optional<std::string> { return std::string(kSecret); },
      /*reveal=*/nullptr,
      [](const std::string& name) -> std::optional<v1::GitSourceSpec> {
        if (name != "fleet") return std::nullopt;
        v1::GitSourceSpec spec;
        spec.mutable_webhook_secret()->set_env("HOOK");
        return spec;
      },
      [&](const std::string&) { looked = true; });
  ESPALIER_CHECK(webhook.Answer("other", headers, body) == 404);
  ESPALIER_CHECK(!looked);
  const int status = webhook.Answer("fleet", headers, body);
  // Again: what has an id is not taken twice.
  const int again = webhook.Answer("fleet", headers, body);
  const bool has_id = !Value(headers, "webhook-id").empty();
  ESPALIER_CHECK(again == (status == 202 && has_id ? 200 : status));
  return status;
}

}  // namespace
}  // namespace espalier

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace espalier;
  absl::string_view body(reinterpret_cast<const char*>(data), size);
  HttpHeaders headers = HeadersOf(body);
  const std::string hex = HmacSha256Hex(kSecret, body);
  bool any = false;
  const absl::Time now = FakeClock().Now();
  const std::string seconds = absl::StrCat(absl::ToUnixSeconds(now));
  const std::string signed_hex =
      HmacSha256Hex(kSecret, absl::StrCat(Value(headers, "webhook-id"), ".", seconds, ".", body));
  for (auto& [name, value] : headers) {
    value = absl::StrReplaceAll(
        value, {{"$HEX", hex},
                {"$SIGNATURE", absl::StrCat("sha256=", hex)},
                {"$SECRET", kSecret},
                {"$NOW", seconds},
                {"$DELIVERY",
                 absl::StrCat("v1,", absl::Base64Escape(absl::HexStringToBytes(signed_hex)))}});
    any = any || IsProof(name);
  }
  const bool taken = IsFromForge(headers, body, kSecret, now);
  bool looked = false;
  const int status = Answer(headers, body, looked);
  ESPALIER_CHECK(status == (taken ? 202 : 401));
  ESPALIER_CHECK(looked == taken);
  ESPALIER_CHECK(!taken || any);
  if (taken) ESPALIER_CHECK(!IsFromForge(headers, body, "another secret", now));
  // One more proof that is right changes nothing but where there was none.
  headers.emplace_back("X-Gitea-Signature", hex);
  ESPALIER_CHECK(IsFromForge(headers, body, kSecret, now) == (taken || !any));
  headers.emplace_back("x-gitlab-token", "guess");
  ESPALIER_CHECK(!IsFromForge(headers, body, kSecret, now));
  return 0;
}
