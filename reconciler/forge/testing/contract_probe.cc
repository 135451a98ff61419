// contract_probe --url BASE --project acme/fleet --token T --app-id ID --app-key-file F --head SHA
//
// Makes every call of Forge on GitHub once, as a machine user and as an App, and says which of its
// requests GitHub's published description does not allow. BASE is a proxy that knows the
// description and answers what it found in the header sl-violations, with fake_forge behind it:
// tests/e2e/forge/openapi_test.py. Exit 1: there was one, or a call failed.
#include <cstdio>
#include <map>
#include <string>
#include <utility>

#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "engine/base/io.h"
#include "engine/net/http.h"
#include "reconciler/forge/github.h"

namespace espalier {
namespace {

// Passes requests on, and reads what the proxy found in them.
class WatchingHttp final : public Http {
 public:
  explicit WatchingHttp(Http& http) : http_(http) {}

  absl::StatusOr<HttpResponse> Fetch(HttpRequest request) override {
    const std::string what = absl::StrCat(request.method, " ", request.url, " ", request.body);
    absl::StatusOr<HttpResponse> response = http_.Fetch(std::move(request));
    if (response.ok()) Look(what, *response);
    return response;
  }
  absl::StatusOr<HttpResponse> Stream(
      HttpRequest request, absl::FunctionRef<absl::Status(const HttpResponse&)> on_headers,
      absl::FunctionRef<absl::Status(absl::string_view)> sink) override {
    return http_.Stream(std::move(request), on_headers, sink);
  }

  int requests() const { return requests_; }
  int violations() const { return violations_; }

 private:
  void Look(const std::string& what, const HttpResponse& response) {
    ++requests_;
    bool wrong = false;
    const std::string header(response.Header("sl-violations"));
    const auto found = nlohmann::json::parse(header, nullptr, /*allow_exceptions=*/false);
    if (found.is_array()) {
      for (const auto& violation : found) {
        // Answers are the fake's, which has the fields that we read and no more.
        wrong = wrong || violation.value("/location/0"_json_pointer, "") == "request";
      }
    }
    if (!wrong) return;
    ++violations_;
    std::fprintf(stderr, "%s\n  %s\n", what.c_str(), header.c_str());
  }

  Http& http_;
  int requests_ = 0;
  int violations_ = 0;
};

class Probe {
 public:
  Probe(Forge& forge, std::string head) : forge_(forge), head_(std::move(head)) {}

  // Every call, on a pull request that is made on the way.
  bool CallAll(const std::string& branch) {
    absl::StatusOr<PullRequest> pull = absl::UnknownError("");
    Try("Propose", [&] {
      pull = forge_.Propose({.branch = branch,
                             .base_sha = head_,
                             .base_branch = "main",
                             .files = {{"a.yaml", "a: 1\n"}, {"b.yaml", "b: \xff\n"}},
                             .title = "Probe",
                             .body = "body"});
      return pull.status();
    });
    if (!pull.ok()) return false;
    // Once more, and with something else.
    for (const char* body : {"body", "another"}) {
      Try("Propose", [&] {
        return forge_
            .Propose({.branch = branch,
                      .base_sha = head_,
                      .base_branch = "main",
                      .files = {{"a.yaml", "a: 1\n"}, {"b.yaml", "b: \xff\n"}},
                      .title = "Probe",
                      .body = body})
            .status();
      });
    }
    const std::int64_t number = pull->number;
    Try("OpenPullRequests", [&] { return forge_.OpenPullRequests("main").status(); });
    Try("GetPullRequest", [&] { return forge_.GetPullRequest(number).status(); });
    Try("PullRequestOf", [&] { return forge_.PullRequestOf(head_, "main").status(); });
    for (const auto state : {CommitStatus::State::kPending, CommitStatus::State::kSuccess,
                             CommitStatus::State::kFailure, CommitStatus::State::kError}) {
      Try("SetStatus", [&] {
        return forge_.SetStatus(head_, {.state = state,
                                        .context = "espalier/plan/prod",
                                        .description = "d",
                                        .url = "https://espalier.example/p"});
      });
    }
    // Refused for its length, and then looked for.
    (void)forge_.SetStatus(head_, {.context = "c", .description = std::string(141, 'x')});
    std::string id;
    Try("AddComment", [&] {
      const auto comment = forge_.AddComment(number, "hello");
      if (comment.ok()) id = comment->id;
      return comment.status();
    });
    Try("Comments", [&] { return forge_.Comments(number).status(); });
    Try("EditComment", [&] { return forge_.EditComment(number, id, "more"); });
    Try("Acknowledge", [&] { return forge_.Acknowledge(number, id); });
    Try("DeleteComment", [&] { return forge_.DeleteComment(number, id); });
    const std::vector<LineNote> notes = {
        {.path = "a.yaml", .first_line = 1, .last_line = 2, .title = "t", .message = "m"},
        {.path = "a.yaml", .first_line = 3, .last_line = 3, .message = "m"}};
    Try("AddLineNotes", [&] { return forge_.AddLineNotes(*pull, notes); });
    Try("RoleOf", [&] { return forge_.RoleOf("espalier").status(); });
    std::int64_t issue = 0;
    Try("AddIssue", [&] {
      const auto made = forge_.AddIssue("Drift", "body", "espalier/prod");
      if (made.ok()) issue = made->number;
      return made.status();
    });
    Try("OpenIssues", [&] { return forge_.OpenIssues("espalier/prod").status(); });
    Try("EditIssue", [&] { return forge_.EditIssue(issue, "Drift", "more"); });
    Try("AddIssueComment", [&] { return forge_.AddIssueComment(issue, "hello").status(); });
    Try("IssueComments", [&] { return forge_.IssueComments(issue).status(); });
    Try("CloseIssue", [&] { return forge_.CloseIssue(issue); });
    if (forge_.traits().check_runs) CheckRuns(notes);
    return good_;
  }

 private:
  void CheckRuns(const std::vector<LineNote>& notes) {
    CheckRun run{.name = "espalier/plan/prod",
                 .head_sha = head_,
                 .details_url = "https://espalier.example/p",
                 .external_id = "digest"};
    std::string id;
    const auto put = [&] {
      const auto made = forge_.PutCheckRun(id, run);
      if (made.ok()) id = *made;
      return made.status();
    };
    Try("PutCheckRun", put);
    run.title = "title";
    run.summary = "summary";
    run.notes = notes;
    for (const auto conclusion :
         {CheckRun::Conclusion::kSuccess, CheckRun::Conclusion::kFailure,
          CheckRun::Conclusion::kNeutral, CheckRun::Conclusion::kActionRequired}) {
      run.conclusion = conclusion;
      Try("PutCheckRun", put);
    }
    id.clear();
    run.external_id = "another";
    Try("PutCheckRun", put);
  }

  template <typename Call>
  void Try(const char* name, Call call) {
    const absl::Status status = call();
    if (status.ok()) return;
    good_ = false;
    std::fprintf(stderr, "%s: %s\n", name, status.ToString().c_str());
  }

  Forge& forge_;
  const std::string head_;
  bool good_ = true;
};

int Run(std::map<std::string, std::string> flags) {
  const auto clock = MakeRealClock();
  const auto io = MakeRealIo();
  const auto http = MakeHttp();
  WatchingHttp watching(*http);
  const std::pair<std::string, std::string> names = absl::StrSplit(flags["--project"], '/');
  const auto base = ParseUrl(flags["--url"]);
  const auto key = io->ReadFile(flags["--app-key-file"], 65536);
  if (!base.ok() || !key.ok()) {
    std::fprintf(stderr, "contract_probe: %s %s\n", base.status().ToString().c_str(),
                 key.status().ToString().c_str());
    return 2;
  }
  const forge::GithubOptions options{.base = *base, .owner = names.first, .name = names.second};
  // There is nobody here whom hurry would hurt.
  const auto pace = std::make_shared<forge::Pace>(*clock, forge::kOwnServerPace);
  const auto user = forge::MakeGithub(
      watching, options,
      std::make_unique<SecretToken>([token = flags["--token"]] { return token; }), pace);
  auto app = std::make_shared<forge::GithubApp>(
      *clock, watching, [&] { return *key; },
      forge::GithubAppOptions{
          .base = *base, .owner = names.first, .name = names.second, .app_id = flags["--app-id"]});
  const auto as_app = forge::MakeGithub(watching, options, std::move(app), pace);
  bool good = Probe(*user, flags["--head"]).CallAll("espalier/user");
  good = Probe(*as_app, flags["--head"]).CallAll("espalier/app") && good;
  std::printf("%d requests, %d violations\n", watching.requests(), watching.violations());
  return good && watching.violations() == 0 ? 0 : 1;
}

}  // namespace
}  // namespace espalier

int main(int argc, char** argv) {
  std::map<std::string, std::string> flags;
  for (int i = 1; i + 1 < argc; i += 2) flags[argv[i]] = argv[i + 1];
  return espalier::Run(std::move(flags));
}
