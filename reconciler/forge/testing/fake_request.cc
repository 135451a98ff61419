#include "reconciler/forge/testing/fake_request.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "engine/base/sha256.h"

namespace espalier {

std::string Unescaped(absl::string_view text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    std::uint32_t byte = 0;
    if (text[i] == '%' && i + 2 < text.size() &&
        absl::SimpleHexAtoi(text.substr(i + 1, 2), &byte)) {
      plain += static_cast<char>(byte);
      i += 2;
    } else {
      plain += text[i];
    }
  }
  return plain;
}

bool FakeRequest::Is(absl::string_view wanted_method, absl::string_view pattern,
                     std::vector<std::string>* parts) const {
  if (method != wanted_method) return false;
  const std::vector<absl::string_view> have = absl::StrSplit(path, '/');
  const std::vector<absl::string_view> want = absl::StrSplit(pattern, '/');
  // "{*}" at the end takes what is left, with its slashes.
  const bool open = !want.empty() && want.back() == "{*}";
  if (open ? have.size() < want.size() : have.size() != want.size()) return false;
  std::vector<std::string> found;
  for (std::size_t i = 0; i < want.size(); ++i) {
    if (want[i] == "{*}") {
      found.push_back(Unescaped(absl::StrJoin(have.begin() + i, have.end(), "/")));
    } else if (want[i] == "{}") {
      found.push_back(Unescaped(have[i]));
    } else if (Unescaped(have[i]) != want[i]) {
      return false;
    }
  }
  if (parts != nullptr) *parts = std::move(found);
  return true;
}

std::int64_t FakeRequest::Number(const std::string& name, std::int64_t otherwise) const {
  const auto found = query.find(name);
  std::int64_t number = 0;
  return found != query.end() && absl::SimpleAtoi(found->second, &number) ? number : otherwise;
}

std::string FakeRequest::Text(const char* key) const {
  if (!body.is_object()) return "";
  const auto found = body.find(key);
  return found != body.end() && found->is_string() ? found->get<std::string>() : "";
}

std::string FakeRequest::Unknown(const std::vector<std::string>& known) const {
  if (!body.is_object()) return "";
  for (const auto& [name, value] : body.items()) {
    if (std::find(known.begin(), known.end(), name) == known.end()) return name;
  }
  return "";
}

ServerAnswer JsonAnswer(int status, const Json& body) {
  return {.status = status,
          .headers = {{"Content-Type", "application/json"}},
          .body = body.is_null() ? "" : body.dump(-1, ' ', false, Json::error_handler_t::replace)};
}

ServerAnswer PageAnswer(const FakeRequest& request, const Json& all, const char* size, int clamp,
                        int otherwise, absl::string_view key) {
  const std::int64_t per_page = std::clamp<std::int64_t>(request.Number(size, otherwise), 1, clamp);
  const std::int64_t page = std::max<std::int64_t>(1, request.Number("page", 1));
  const auto total = static_cast<std::int64_t>(all.size());
  const std::int64_t last = std::max<std::int64_t>(1, (total + per_page - 1) / per_page);
  Json items = Json::array();
  for (std::int64_t i = (page - 1) * per_page; i < std::min(total, page * per_page); ++i) {
    items.push_back(all[i]);
  }
  Json body = items;
  if (!key.empty()) body = {{"total_count", total}, {std::string(key), items}};
  ServerAnswer answer = JsonAnswer(200, body);
  const auto link = [&](std::int64_t number, absl::string_view rel) {
    std::vector<std::string> parts;
    for (const auto& [name, value] : request.query) {
      if (name != "page") parts.push_back(absl::StrCat(name, "=", value));
    }
    parts.push_back(absl::StrCat("page=", number));
    return absl::StrCat("<", request.api_url, request.path, "?", absl::StrJoin(parts, "&"),
                        ">; rel=\"", rel, "\"");
  };
  std::vector<std::string> links;
  if (page > 1) links.push_back(link(page - 1, "prev"));
  if (page < last) {
    links.push_back(link(page + 1, "next"));
    links.push_back(link(last, "last"));
  }
  if (!links.empty()) answer.headers.emplace_back("Link", absl::StrJoin(links, ", "));
  answer.headers.emplace_back("X-Total-Count", absl::StrCat(total));
  return answer;
}

std::string TimeText(absl::Time time) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", time, absl::UTCTimeZone());
}

bool InDiff(const FakePull& pull, const std::string& path, int first, int last) {
  if (!pull.diff.has_value()) return true;
  const auto file = pull.diff->find(path);
  if (file == pull.diff->end()) return false;
  return std::any_of(file->second.begin(), file->second.end(), [&](const FakeHunk& hunk) {
    return hunk.first <= first && first <= last && last <= hunk.second;
  });
}

std::string ObjectName(absl::string_view of) { return Sha256Hex(of).substr(0, 40); }

namespace {

const char* StateText(PullRequest::State state) {
  if (state == PullRequest::State::kMerged) return "merged";
  return state == PullRequest::State::kOpen ? "open" : "closed";
}

Json DumpNote(const FakeNote& note) {
  return {{"author", note.author}, {"path", note.path}, {"first_line", note.first_line},
          {"line", note.line},     {"body", note.body}, {"commit", note.commit},
          {"number", note.number}};
}

Json DumpRun(const FakeCheckRun& run) {
  Json notes = Json::array();
  for (const FakeAnnotation& note : run.annotations) {
    notes.push_back({{"path", note.path},
                     {"first_line", note.first_line},
                     {"last_line", note.last_line},
                     {"level", note.level},
                     {"title", note.title},
                     {"message", note.message}});
  }
  return {{"id", run.id},
          {"name", run.name},
          {"head_sha", run.head_sha},
          {"status", run.status},
          {"conclusion", run.conclusion},
          {"external_id", run.external_id},
          {"details_url", run.details_url},
          {"title", run.title},
          {"summary", run.summary},
          {"annotations", notes}};
}

}  // namespace

std::optional<std::string> FileAt(const FakeProject& project, const std::string& ref,
                                  const std::string& path) {
  const auto branch = project.branches.find(ref);
  std::string sha = branch == project.branches.end() ? ref : branch->second;
  for (auto commit = project.commits.find(sha); commit != project.commits.end();
       commit = project.commits.find(sha)) {
    const auto file = commit->second.files.find(path);
    if (file != commit->second.files.end()) return file->second;
    sha = commit->second.parent;
  }
  const auto file = project.files.find(path);
  if (file == project.files.end()) return std::nullopt;
  return file->second;
}

Json DumpProject(const FakeProject& project) {
  Json dump = {{"project", project.owner + "/" + project.name}};
  for (const char* list :
       {"pull_requests", "comments", "notes", "statuses", "check_runs", "issues", "branches"}) {
    dump[list] = Json::array();
  }
  for (const auto& [number, pull] : project.pulls) {
    dump["pull_requests"].push_back({{"number", number},
                                     {"title", pull.title},
                                     {"body", pull.body},
                                     {"author", pull.author},
                                     {"head_branch", pull.head_branch},
                                     {"head_sha", pull.head_sha},
                                     {"base_branch", pull.base_branch},
                                     {"from_fork", pull.from_fork},
                                     {"draft", pull.draft},
                                     {"state", StateText(pull.state)},
                                     {"merge_sha", pull.merge_sha}});
  }
  for (const auto& [id, comment] : project.comments) {
    Json reactions = Json::array();
    for (const auto& [who, what] : comment.reactions) reactions.push_back(who + ":" + what);
    dump["comments"].push_back({{"id", std::to_string(id)},
                                {"number", comment.number},
                                {"author", comment.author},
                                {"body", comment.body},
                                {"edited", comment.updated != comment.created},
                                {"reactions", reactions}});
  }
  for (const FakeNote& note : project.notes) dump["notes"].push_back(DumpNote(note));
  for (const FakeStatus& status : project.statuses) {
    dump["statuses"].push_back({{"sha", status.sha},
                                {"context", status.context},
                                {"state", status.state},
                                {"description", status.description},
                                {"url", status.url}});
  }
  for (const auto& [id, run] : project.check_runs) dump["check_runs"].push_back(DumpRun(run));
  for (const auto& [number, issue] : project.issues) {
    dump["issues"].push_back({{"number", number},
                              {"author", issue.author},
                              {"title", issue.title},
                              {"body", issue.body},
                              {"labels", issue.labels},
                              {"open", issue.open}});
  }
  for (const auto& [name, sha] : project.branches) {
    Json branch = {{"name", name}, {"sha", sha}};
    const auto commit = project.commits.find(sha);
    if (commit != project.commits.end()) {
      branch["parent"] = commit->second.parent;
      branch["message"] = commit->second.message;
      branch["files"] = commit->second.files;
    }
    dump["branches"].push_back(branch);
  }
  return dump;
}

}  // namespace espalier
