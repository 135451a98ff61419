// FakeRequest: a request as the fakes look at it, and how they answer. Internal to this folder.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "absl/strings/string_view.h"
#include "reconciler/forge/testing/fake_project.h"
#include "tests/support/test_http_server.h"

namespace espalier {

using Json = nlohmann::json;

struct FakeRequest {
  const ServerRequest* http = nullptr;
  std::string method;
  // Below the API's prefix, still escaped: "/repos/acme/fleet/pulls".
  std::string path;
  std::map<std::string, std::string> query;
  // Null if there is none, or if it is no JSON.
  Json body;
  // The whole URL of the API on this server.
  std::string api_url;

  // Whether method and path are these; "{}" stands for one part, which is put into `parts`,
  // unescaped.
  bool Is(absl::string_view wanted_method, absl::string_view pattern,
          std::vector<std::string>* parts = nullptr) const;
  std::int64_t Number(const std::string& name, std::int64_t otherwise) const;
  std::string Text(const char* key) const;
  // The first field of the body that is none of these; empty: there is none.
  std::string Unknown(const std::vector<std::string>& known) const;
};

ServerAnswer JsonAnswer(int status, const Json& body);

// A page of `all` with Link; `clamp` is the most that a page has, `otherwise` what it has unasked.
// `size` is the name of the parameter.
ServerAnswer PageAnswer(const FakeRequest& request, const Json& all, const char* size, int clamp,
                        int otherwise, absl::string_view key = "");

std::string Unescaped(absl::string_view text);
// "2026-01-31T12:00:00Z".
std::string TimeText(absl::Time time);
// Whether lines `first` to `last` lie in one hunk of the pull request's diff.
bool InDiff(const FakePull& pull, const std::string& path, int first, int last);
// A made-up object name of 40 hex digits.
std::string ObjectName(absl::string_view of);
Json DumpProject(const FakeProject& project);

}  // namespace espalier
