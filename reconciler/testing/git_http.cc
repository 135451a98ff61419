#include "reconciler/testing/git_http.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "engine/base/check.h"

namespace espalier {
namespace {

constexpr char kService[] = "# service=git-upload-pack\n";

ServerAnswer Answer(absl::string_view kind, std::string body) {
  return {.headers = {{"Content-Type", absl::StrCat("application/x-git-upload-pack-", kind)}},
          .body = std::move(body)};
}

}  // namespace

std::string GitLine(absl::string_view text) {
  return absl::StrCat(absl::StrFormat("%04x", text.size() + 4), text);
}

ServerAnswer ServeGit(Io& io, const std::string& path, const ServerRequest& request) {
  const bool asks = request.method == "GET";
  ProcessOptions git = {.argv = {"git", "upload-pack", "--stateless-rpc"}};
  // Whoever owns the test's directory.
  git.env = {{"GIT_CONFIG_COUNT", "1"},
             {"GIT_CONFIG_KEY_0", "safe.directory"},
             {"GIT_CONFIG_VALUE_0", "*"}};
  if (asks) git.argv.push_back("--advertise-refs");
  git.argv.push_back(path);
  git.stdin_bytes = request.body;
  absl::StatusOr<ProcessResult> result = io.Run(git);
  ESPALIER_CHECK(result.ok());
  if (!asks) return Answer("result", std::move(result->out));
  return Answer("advertisement", absl::StrCat(GitLine(kService), "0000", result->out));
}

ServerAnswer AdvertiseGit(const std::string& commit, absl::string_view more) {
  std::string first = absl::StrCat(commit, " refs/heads/main");
  first.push_back('\0');
  absl::StrAppend(&first, "ofs-delta\n");
  return Answer("advertisement",
                absl::StrCat(GitLine(kService), "0000", GitLine(first), more, "0000"));
}

ServerAnswer SendGitPack(absl::string_view pack) {
  return Answer("result", absl::StrCat(GitLine("NAK\n"), pack));
}

}  // namespace espalier
