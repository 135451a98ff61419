// The commands of FakeForge::Control, each an object with "do" and what it needs:
//
//   {"do": "open", "head_branch": "x", "head_sha": "...", "title"?, "author"?, "base_branch"?,
//    "base_sha"?, "from_fork"?, "draft"?, "diff"?: {"path": [[first, last], ...]}}  -> number
//   {"do": "push_head", "number": 1, "sha": "..."}
//   {"do": "merge", "number": 1, "sha": "..."}
//   {"do": "close" | "reopen", "number": 1}
//   {"do": "draft", "number": 1, "draft": true}
//   {"do": "retarget", "number": 1, "base_branch": "main"}
//   {"do": "comment", "number": 1, "author": "ana", "body": "..."}                     -> id
//   {"do": "comment_on_issue", "number": 1, "author": "ana", "body": "..."}            -> id
//   {"do": "edit_comment", "id": "1001", "body": "..."}; {"do": "delete_comment", "id": "1001"}
//   {"do": "file", "path": "a.yaml", "text": "..."}; {"do": "protect", "branch": "x"}
//   {"do": "push", "branch": "main", "before": "...", "after": "..."}
//   {"do": "user", "login": "ana", "role": "none" | "read" | "write" | "admin", "bot"?}  -> token
//   {"do": "revoke", "token": "..."}; {"do": "rename", "name": "fleet2"}
//   {"do": "fail", "count": 3, "status": 502, "path"?}; {"do": "limit", "seconds": 60}
//   {"do": "remaining", "requests": 0}; {"do": "hold", "held": true}
//   {"do": "webhook", "url": "http://127.0.0.1:7490/hooks/fleet", "secret": "..."}
//   {"do": "calls"}; {"do": "dump"}
//
// The answer is {"ok": true, ...}, with "delivered", what the webhook's receiver answered last,
// once there is one; or {"ok": false, "error": "..."}.
#include <exception>
#include <functional>
#include <map>

#include "absl/strings/str_cat.h"
#include "reconciler/forge/testing/fake_forge.h"
#include "reconciler/forge/testing/fake_request.h"

namespace espalier {
namespace {

ForgeRole RoleNamed(const std::string& name) {
  if (name == "admin") return ForgeRole::kAdmin;
  if (name == "write") return ForgeRole::kWrite;
  return name == "read" ? ForgeRole::kRead : ForgeRole::kNone;
}

FakePull PullOf(const Json& command) {
  FakePull pull;
  pull.title = command.value("title", pull.title);
  pull.author = command.value("author", pull.author);
  pull.head_branch = command.value("head_branch", pull.head_branch);
  pull.head_sha = command.at("head_sha").get<std::string>();
  pull.base_branch = command.value("base_branch", pull.base_branch);
  pull.base_sha = command.value("base_sha", pull.base_sha);
  pull.from_fork = command.value("from_fork", false);
  pull.head_gone = command.value("head_gone", false);
  pull.draft = command.value("draft", false);
  if (command.contains("diff")) {
    pull.diff = command.at("diff").get<std::map<std::string, std::vector<FakeHunk>>>();
  }
  return pull;
}

}  // namespace

std::string FakeForge::Control(absl::string_view text) {
  Json answer = {{"ok", true}};
  // Json's own way to say that a field is missing; this is the edge where it is caught.
  try {
    const Json command = Json::parse(text.begin(), text.end());
    const auto string = [&](const char* key) { return command.at(key).get<std::string>(); };
    const auto number = [&] { return command.at("number").get<std::int64_t>(); };
    const std::map<std::string, std::function<void()>> commands = {
        {"open", [&] { answer["number"] = Open(PullOf(command)); }},
        {"push_head", [&] { PushHead(number(), string("sha")); }},
        {"merge", [&] { Merge(number(), string("sha")); }},
        {"close", [&] { SetState(number(), PullRequest::State::kClosed); }},
        {"reopen", [&] { SetState(number(), PullRequest::State::kOpen); }},
        {"draft",
         [&] {
           Change(number(), "edited", [&](FakePull& pull) { pull.draft = command.at("draft"); });
         }},
        {"retarget",
         [&] {
           Change(number(), "edited",
                  [&](FakePull& pull) { pull.base_branch = string("base_branch"); });
         }},
        {"comment", [&] { answer["id"] = Comment(number(), string("author"), string("body")); }},
        {"comment_on_issue",
         [&] { answer["id"] = CommentOnIssue(number(), string("author"), string("body")); }},
        {"edit_comment", [&] { ChangeComment(string("id"), string("body")); }},
        {"delete_comment", [&] { RemoveComment(string("id")); }},
        {"file", [&] { SetFile(string("path"), string("text")); }},
        {"protect", [&] { Protect(string("branch")); }},
        {"push", [&] { Push(string("branch"), string("before"), string("after")); }},
        {"user",
         [&] {
           answer["token"] =
               SetUser(string("login"), RoleNamed(string("role")), command.value("bot", false));
         }},
        {"revoke", [&] { RevokeToken(string("token")); }},
        {"rename", [&] { Rename(string("name")); }},
        {"fail",
         [&] { FailNext(command.at("count"), command.at("status"), command.value("path", "")); }},
        {"limit", [&] { Limit(absl::Seconds(command.at("seconds").get<int>())); }},
        {"remaining", [&] { SetRemaining(command.at("requests")); }},
        {"hold", [&] { Hold(command.at("held")); }},
        {"webhook", [&] { SetWebhook(string("url"), string("secret")); }},
        {"calls",
         [&] {
           const FakeCalls seen = calls();
           answer.update({{"reads", seen.reads},
                          {"writes", seen.writes},
                          {"unchanged", seen.unchanged},
                          {"limited", seen.limited},
                          {"hurried", seen.hurried}});
         }},
        {"dump", [&] { answer.update(DumpProject(snapshot())); }},
    };
    const auto found = commands.find(string("do"));
    if (found == commands.end()) {
      answer = {{"ok", false}, {"error", absl::StrCat("no command ", string("do"))}};
    } else {
      found->second();
    }
  } catch (const std::exception& error) {
    answer = {{"ok", false}, {"error", error.what()}};
  }
  {
    MutexLock lock(mu_);
    if (delivered_ != 0) answer["delivered"] = delivered_;
  }
  return answer.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace espalier
