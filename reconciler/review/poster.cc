#include "reconciler/review/poster.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "engine/base/sha256.h"
#include "engine/base/status.h"
#include "reconciler/review/marker.h"

namespace espalier {
namespace {

std::string HashOf(const CommitStatus& status) {
  return Sha256Hex(
      absl::StrCat(static_cast<int>(status.state), "\n", status.description, "\n", status.url));
}

std::string TextOf(const std::vector<LineNote>& notes) {
  return absl::StrJoin(notes, "\n", [](std::string* out, const LineNote& note) {
    absl::StrAppend(out, note.path, ":", note.first_line, "-", note.last_line, " ",
                    static_cast<int>(note.level), " ", note.title, " ", note.message);
  });
}

std::string HashOf(const CheckRun& check) {
  return Sha256Hex(absl::StrCat(static_cast<int>(check.conclusion), "\n", check.title, "\n",
                                check.summary, "\n", check.external_id, "\n", TextOf(check.notes)));
}

bool IsOurs(const ForgeComment& comment, const std::string& key, std::optional<Marker>& marker) {
  if (!comment.mine) return false;
  marker = ParseMarker(comment.body);
  return marker.has_value() && marker->key == key;
}

std::string ReplyKey(const std::string& key, const std::string& id) {
  return absl::StrCat("reply/", key, "/", id);
}

bool HasOurs(const std::vector<ForgeComment>& comments, const std::string& key) {
  std::optional<Marker> marker;
  return std::any_of(comments.begin(), comments.end(),
                     [&](const ForgeComment& comment) { return IsOurs(comment, key, marker); });
}

std::string ReplyText(const std::string& key, const std::string& text) {
  return absl::StrCat(MarkerLine({.key = key}), "\n", text, "\n");
}

absl::Status Reply(Forge& forge, const std::string& key, std::int64_t number,
                   const std::string& text) {
  ESPALIER_ASSIGN_OR_RETURN(const std::vector<ForgeComment> all, forge.Comments(number));
  if (HasOurs(all, key)) return absl::OkStatus();
  return forge.AddComment(number, ReplyText(key, text)).status();
}

class Posting {
 public:
  Posting(Forge& forge, const std::string& key, const Surface& surface, Posted& posted,
          const std::function<void()>& save)
      : forge_(forge), key_(key), surface_(surface), posted_(posted), save_(save) {}

  absl::Status Statuses() {
    for (const auto& [sha, status] : surface_.statuses) {
      std::string& known = posted_.statuses[{sha, status.context}];
      const std::string hash = HashOf(status);
      if (known == hash) continue;
      ESPALIER_RETURN_IF_ERROR(
          Annotate(forge_.SetStatus(sha, status), absl::StrCat("setting ", status.context)));
      known = hash;
      save_();
    }
    return absl::OkStatus();
  }

  absl::Status Comment() {
    if (surface_.comment.empty()) return absl::OkStatus();
    const std::string hash = Sha256Hex(surface_.comment);
    if (posted_.comment_hash == hash) return absl::OkStatus();
    absl::Status edited = absl::NotFoundError("not written yet");
    if (!posted_.comment_id.empty()) edited = Edit();
    // Somebody deleted it, or it was never known here.
    if (absl::IsNotFound(edited)) edited = FindAndEdit();
    if (absl::IsNotFound(edited)) edited = Add();
    ESPALIER_RETURN_IF_ERROR(Annotate(edited, "writing the comment"));
    posted_.comment_hash = hash;
    save_();
    return absl::OkStatus();
  }

  // From now on people may have read the plan.
  void Shown() {
    if (posted_.shown.digest == surface_.plan.digest &&
        posted_.shown.commit == surface_.plan.commit) {
      return;
    }
    posted_.shown = surface_.plan;
    save_();
  }

  absl::Status Check() {
    if (!surface_.with_check || posted_.no_checks) return absl::OkStatus();
    const CheckRun& check = surface_.check;
    const std::string hash = HashOf(check);
    if (posted_.check_commit == check.head_sha && posted_.check_hash == hash) {
      return absl::OkStatus();
    }
    const bool same = posted_.check_commit == check.head_sha;
    absl::StatusOr<std::string> id = forge_.PutCheckRun(same ? posted_.check_id : "", check);
    if (absl::IsFailedPrecondition(id.status())) {
      // Nothing is lost: the status says the same.
      posted_.no_checks = true;
      save_();
      return absl::OkStatus();
    }
    if (!id.ok()) return Annotate(id.status(), "writing the check run");
    posted_.check_id = *std::move(id);
    posted_.check_commit = check.head_sha;
    posted_.check_hash = hash;
    save_();
    return absl::OkStatus();
  }

  absl::Status Notes() {
    if (surface_.notes.empty() || (surface_.with_check && !posted_.no_checks)) {
      return absl::OkStatus();
    }
    const std::string hash = Sha256Hex(absl::StrCat(surface_.commit, TextOf(surface_.notes)));
    if (posted_.notes_hash == hash) return absl::OkStatus();
    PullRequest pull_request;
    pull_request.number = surface_.number;
    pull_request.head_sha = surface_.commit;
    ESPALIER_RETURN_IF_ERROR(
        Annotate(forge_.AddLineNotes(pull_request, surface_.notes), "writing notes on lines"));
    posted_.notes_hash = hash;
    save_();
    return absl::OkStatus();
  }

 private:
  absl::Status Edit() {
    return forge_.EditComment(surface_.number, posted_.comment_id, surface_.comment);
  }

  // The oldest of ours stays: all reconcilers agree on which that is.
  absl::Status FindAndEdit() {
    posted_.comment_id.clear();
    ESPALIER_ASSIGN_OR_RETURN(const std::vector<ForgeComment> all,
                              forge_.Comments(surface_.number));
    std::vector<std::string> others;
    for (const ForgeComment& comment : all) {
      std::optional<Marker> marker;
      if (!IsOurs(comment, key_, marker)) continue;
      if (!posted_.comment_id.empty()) {
        others.push_back(comment.id);
        continue;
      }
      posted_.comment_id = comment.id;
      // Another reconciler knows more about the same commit: its text stays.
      newer_stands_ = marker->commit == surface_.commit && marker->revision > surface_.revision;
    }
    for (const std::string& id : others) {
      ESPALIER_RETURN_IF_ERROR(forge_.DeleteComment(surface_.number, id));
    }
    if (posted_.comment_id.empty()) return absl::NotFoundError("there is no comment of ours");
    save_();
    const bool stands = newer_stands_ || posted_.comment_id == added_;
    return stands ? absl::OkStatus() : Edit();
  }

  absl::Status Add() {
    ESPALIER_ASSIGN_OR_RETURN(const ForgeComment added,
                              forge_.AddComment(surface_.number, surface_.comment));
    added_ = posted_.comment_id = added.id;
    // It is there to be read, whatever becomes of the rest.
    Shown();
    save_();
    // Another reconciler may have had the same thought at the same time.
    return FindAndEdit();
  }

  Forge& forge_;
  const std::string& key_;
  const Surface& surface_;
  Posted& posted_;
  const std::function<void()>& save_;
  // The comment that says the surface's text already.
  std::string added_;
  bool newer_stands_ = false;
};

}  // namespace

absl::Status PostSurface(Forge& forge, const std::string& key, const Surface& surface,
                         Posted& posted, const std::function<void()>& save) {
  Posting posting(forge, key, surface, posted, save);
  // The status first: it is what people wait for.
  ESPALIER_RETURN_IF_ERROR(posting.Statuses());
  ESPALIER_RETURN_IF_ERROR(posting.Comment());
  posting.Shown();
  ESPALIER_RETURN_IF_ERROR(posting.Check());
  return posting.Notes();
}

absl::Status PostReplies(Forge& forge, const std::string& key, std::int64_t number,
                         const std::map<std::string, std::string>& replies, Posted& posted,
                         const std::function<void()>& save) {
  for (const auto& [id, text] : replies) {
    if (posted.IsAnswered(id)) continue;
    ESPALIER_RETURN_IF_ERROR(
        Annotate(Reply(forge, ReplyKey(key, id), number, text), "answering a command"));
    posted.answered.push_back(id);
    save();
  }
  return absl::OkStatus();
}

absl::Status PostIssueReply(Forge& forge, const std::string& key, std::int64_t number,
                            const std::string& comment, const std::string& text) {
  const std::string reply_key = ReplyKey(key, comment);
  ESPALIER_ASSIGN_OR_RETURN(const std::vector<ForgeComment> all, forge.IssueComments(number));
  if (HasOurs(all, reply_key)) return absl::OkStatus();
  return Annotate(forge.AddIssueComment(number, ReplyText(reply_key, text)).status(),
                  "answering a command");
}

std::set<std::string> AnsweredIn(const std::vector<ForgeComment>& comments,
                                 const std::string& key) {
  const std::string start = ReplyKey(key, "");
  std::set<std::string> answered;
  for (const ForgeComment& comment : comments) {
    const std::optional<Marker> marker = ParseMarker(comment.body);
    if (comment.mine && marker.has_value() && absl::StartsWith(marker->key, start)) {
      answered.insert(marker->key.substr(start.size()));
    }
  }
  return answered;
}

absl::StatusOr<std::int64_t> PostIssue(Forge& forge, const std::string& key,
                                       const std::string& label, const std::string& title,
                                       const std::string& body) {
  ESPALIER_ASSIGN_OR_RETURN(std::vector<ForgeIssue> open, forge.OpenIssues(label));
  std::sort(open.begin(), open.end(),
            [](const ForgeIssue& a, const ForgeIssue& b) { return a.number < b.number; });
  const ForgeIssue* kept = nullptr;
  for (const ForgeIssue& issue : open) {
    const std::optional<Marker> marker = ParseMarker(issue.body);
    if (!issue.mine || !marker.has_value() || marker->key != key) continue;
    if (kept == nullptr && !body.empty()) {
      kept = &issue;
    } else {
      ESPALIER_RETURN_IF_ERROR(forge.CloseIssue(issue.number));
    }
  }
  if (body.empty()) return 0;
  if (kept == nullptr) {
    ESPALIER_ASSIGN_OR_RETURN(const ForgeIssue made, forge.AddIssue(title, body, label));
    return made.number;
  }
  // Forges trim what they are given.
  const bool same = kept->title == title &&
                    absl::StripAsciiWhitespace(kept->body) == absl::StripAsciiWhitespace(body);
  if (!same) ESPALIER_RETURN_IF_ERROR(forge.EditIssue(kept->number, title, body));
  return kept->number;
}

}  // namespace espalier
