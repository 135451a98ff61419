// A webhook: lines of headers, an empty line, and the body; "$HEX", "$SIGNATURE" and "$SECRET" in a
// header stand for what the right sender would write. It is taken if something proves it and
// nothing speaks against it, and whatever is taken, is not under another secret.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
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

// What a forge proves itself by, told in other words than the code under test.
bool IsProof(absl::string_view name) {
  const std::string lower = absl::AsciiStrToLower(name);
  return lower == "x-hub-signature-256" || lower == "x-gitea-signature" ||
         lower == "x-forgejo-signature" || lower == "x-gogs-signature" || lower == "x-gitlab-token";
}

int Answer(const HttpHeaders& headers, absl::string_view body, bool& looked) {
  FakeClock clock;
  FakeIo io(clock);
  const std::unique_ptr<Log> log = MakeNullLog();
  Webhook webhook(
      io, *log, "",
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
  return webhook.Answer("fleet", headers, body);
}

}  // namespace
}  // namespace espalier

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace espalier;
  absl::string_view body(reinterpret_cast<const char*>(data), size);
  HttpHeaders headers = HeadersOf(body);
  const std::string hex = HmacSha256Hex(kSecret, body);
  bool any = false;
  for (auto& [name, value] : headers) {
    value = absl::StrReplaceAll(
        value, {{"$HEX", hex}, {"$SIGNATURE", absl::StrCat("sha256=", hex)}, {"$SECRET", kSecret}});
    any = any || IsProof(name);
  }
  const bool taken = IsFromForge(headers, body, kSecret);
  bool looked = false;
  const int status = Answer(headers, body, looked);
  ESPALIER_CHECK(status == (taken ? 202 : 401));
  ESPALIER_CHECK(looked == taken);
  ESPALIER_CHECK(!taken || any);
  if (taken) ESPALIER_CHECK(!IsFromForge(headers, body, "another secret"));
  // One more proof that is right changes nothing but where there was none.
  headers.emplace_back("X-Gitea-Signature", hex);
  ESPALIER_CHECK(IsFromForge(headers, body, kSecret) == (taken || !any));
  headers.emplace_back("x-gitlab-token", "guess");
  ESPALIER_CHECK(!IsFromForge(headers, body, kSecret));
  return 0;
}
