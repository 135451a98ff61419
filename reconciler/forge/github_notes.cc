// Check runs, and remarks on lines of a diff.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/limits.h"
#include "engine/base/status.h"
#include "reconciler/forge/github_client.h"
#include "reconciler/forge/github_json.h"
#include "reconciler/forge/json.h"

namespace espalier::forge {
namespace {

// GitHub takes so many annotations in one request, and appends those of the next.
constexpr std::size_t kNotesPerRequest = 50;

absl::string_view LevelWord(LineNote::Level level) {
  switch (level) {
    case LineNote::Level::kNotice:
      return "notice";
    case LineNote::Level::kWarning:
      return "warning";
    case LineNote::Level::kFailure:
      return "failure";
  }
  return "failure";
}

// Empty: it is not over.
absl::string_view ConclusionWord(CheckRun::Conclusion conclusion) {
  switch (conclusion) {
    case CheckRun::Conclusion::kNone:
      return "";
    case CheckRun::Conclusion::kSuccess:
      return "success";
    case CheckRun::Conclusion::kFailure:
      return "failure";
    case CheckRun::Conclusion::kNeutral:
      return "neutral";
    case CheckRun::Conclusion::kActionRequired:
      return "action_required";
  }
  return "failure";
}

std::string Annotation(const LineNote& note) {
  return Object({{"path", Quoted(note.path)},
                 {"start_line", absl::StrCat(note.first_line)},
                 {"end_line", absl::StrCat(note.last_line)},
                 {"annotation_level", Quoted(LevelWord(note.level))},
                 {"title", note.title.empty() ? "" : Quoted(note.title)},
                 {"message", Quoted(note.message)}});
}

void ReadAnnotation(const Node& node, std::vector<LineNote>& notes) {
  notes.push_back({.path = TextAt(node, "path"),
                   .first_line = static_cast<std::int32_t>(NumberAt(node, "start_line")),
                   .last_line = static_cast<std::int32_t>(NumberAt(node, "end_line")),
                   .message = TextAt(node, "message")});
}

// The body of a request that makes or changes a check run, with a part of its notes.
std::string CheckRunBody(const CheckRun& run, const std::vector<LineNote>& notes, std::size_t begin,
                         bool make) {
  std::vector<std::string> annotations;
  const std::size_t end = std::min(begin + kNotesPerRequest, notes.size());
  for (std::size_t i = begin; i < end; ++i) annotations.push_back(Annotation(notes[i]));
  // GitHub wants an output's title and summary or no output.
  const bool output = !run.title.empty() || !annotations.empty();
  const absl::string_view conclusion = ConclusionWord(run.conclusion);
  return Object(
      {{"name", Quoted(run.name)},
       {"head_sha", make ? Quoted(run.head_sha) : ""},
       {"status", Quoted(conclusion.empty() ? "in_progress" : "completed")},
       {"conclusion", conclusion.empty() ? "" : Quoted(conclusion)},
       {"external_id", run.external_id.empty() ? "" : Quoted(run.external_id)},
       {"details_url", run.details_url.empty() ? "" : Quoted(run.details_url)},
       {"output", output ? Object({{"title", Quoted(run.title.empty() ? run.name : run.title)},
                                   {"summary", Quoted(run.summary)},
                                   {"annotations", annotations.empty() ? "" : List(annotations)}})
                         : ""}});
}

struct FoundRun {
  std::string id;
  std::string external_id;
};

void ReadRun(const Node& node, std::vector<FoundRun>& runs) {
  runs.push_back({absl::StrCat(NumberAt(node, "id")), TextAt(node, "external_id")});
}

void ReadReviewComment(const Node& node, std::vector<StandingNote>& notes) {
  notes.push_back({.author = TextAt(node, "user.login"),
                   .path = TextAt(node, "path"),
                   .line = NumberAt(node, "line"),
                   .body = TextAt(node, "body")});
}

// Only Apps may, whatever else a token is good for.
absl::Status NotByThese(const absl::Status& status) {
  if (!absl::IsPermissionDenied(status)) return status;
  return absl::FailedPreconditionError(status.message());
}

}  // namespace

absl::StatusOr<std::string> GithubClient::FindCheckRun(const CheckRun& run) {
  ESPALIER_ASSIGN_OR_RETURN(
      const std::vector<FoundRun> runs,
      api_.List(Project(absl::StrCat("/commits/", PathEscape(run.head_sha),
                                     "/check-runs?check_name=", PathEscape(run.name),
                                     "&filter=all&per_page=100")),
                &ReadRun, "check_runs"));
  for (const FoundRun& found : runs) {
    if (found.external_id == run.external_id) return found.id;
  }
  return "";
}

absl::StatusOr<std::vector<LineNote>> GithubClient::MissingNotes(
    const std::string& id, const std::vector<LineNote>& notes) {
  ESPALIER_ASSIGN_OR_RETURN(
      const std::vector<LineNote> there,
      api_.List(Project(absl::StrCat("/check-runs/", PathEscape(id), "/annotations?per_page=100")),
                &ReadAnnotation));
  std::vector<LineNote> missing;
  for (const LineNote& note : notes) {
    const bool shown = std::any_of(there.begin(), there.end(), [&](const LineNote& other) {
      return other.path == note.path && other.first_line == note.first_line &&
             other.last_line == note.last_line && other.message == note.message;
    });
    if (!shown) missing.push_back(note);
  }
  return missing;
}

absl::StatusOr<std::string> GithubClient::PutCheckRun(const std::string& id, const CheckRun& run) {
  std::string known = id;
  if (known.empty()) {
    absl::StatusOr<std::string> found = FindCheckRun(run);
    if (!found.ok()) return NotByThese(found.status());
    known = *found;
  }
  std::vector<LineNote> notes = run.notes;
  if (notes.size() > limits::kForgeNotes) notes.resize(limits::kForgeNotes);
  if (!known.empty() && !notes.empty()) {
    ESPALIER_ASSIGN_OR_RETURN(notes, MissingNotes(known, notes));
  }
  std::size_t sent = 0;
  do {
    const bool make = known.empty();
    const std::string target =
        make ? Project("/check-runs") : Project(absl::StrCat("/check-runs/", PathEscape(known)));
    const absl::StatusOr<Node> answer =
        api_.Send(make ? "POST" : "PATCH", target, CheckRunBody(run, notes, sent, make),
                  sent == 0 ? Write::kFirst : Write::kLater);
    if (!answer.ok()) return NotByThese(answer.status());
    if (make) known = absl::StrCat(NumberAt(*answer, "id"));
    sent += kNotesPerRequest;
  } while (sent < notes.size());
  return known;
}

absl::Status GithubClient::AddLineNotes(const PullRequest& pull_request,
                                        const std::vector<LineNote>& notes) {
  if (notes.empty()) return absl::OkStatus();
  ESPALIER_ASSIGN_OR_RETURN(const std::string login, MyLogin());
  ESPALIER_ASSIGN_OR_RETURN(
      const std::vector<StandingNote> standing,
      api_.List(Project(absl::StrCat("/pulls/", pull_request.number, "/comments?per_page=100")),
                &ReadReviewComment));
  std::vector<std::string> comments;
  for (const LineNote& note : notes) {
    if (comments.size() == limits::kForgeNotes) break;
    if (Stands(standing, login, note)) continue;
    const bool several = note.first_line < note.last_line;
    comments.push_back(Object({{"path", Quoted(note.path)},
                               {"line", absl::StrCat(note.last_line)},
                               {"side", Quoted("RIGHT")},
                               {"start_line", several ? absl::StrCat(note.first_line) : ""},
                               {"start_side", several ? Quoted("RIGHT") : ""},
                               {"body", Quoted(NoteMarkdown(note))}}));
  }
  if (comments.empty()) return absl::OkStatus();
  return api_
      .Send("POST", Project(absl::StrCat("/pulls/", pull_request.number, "/reviews")),
            Object({{"commit_id", Quoted(pull_request.head_sha)},
                    {"event", Quoted("COMMENT")},
                    {"comments", List(comments)}}))
      .status();
}

}  // namespace espalier::forge
