#include "reconciler/review/poster.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "engine/base/sha256.h"
#include "engine/base/status.h"
#include "reconciler/review/marker.h"

namespace espalier {
namespace {

constexpr char kPending[] = "pending ";
constexpr char kOvertaken[] = "overtaken before it was finished";

// Tells a pending one, which must not stay.
std::string HashOf(const CommitStatus& status) {
  const bool pending = status.state == CommitStatus::State::kPending;
  return absl::StrCat(pending ? kPending : "",
                      Sha256Hex(absl::StrCat(static_cast<int>(status.state), "\n",
                                             status.description, "\n", status.url)));
}

std::string TextOf(const std::vector<LineNote>& notes) {
  return absl::StrJoin(notes, "\n", [](std::string* out, const LineNote& note) {
    absl::StrAppend(out, note.path, ":", note.first_line, "-", note.last_line, " ",
                    static_cast<int>(note.level), " ", note.title, " ", note.message);
  });
}

std::string HashOf(const CheckRun& check) {
  return absl::StrCat(
      check.conclusion == CheckRun::Conclusion::kNone ? kPending : "",
      Sha256Hex(absl::StrCat(static_cast<int>(check.conclusion), "\n", check.title, "\n",
                             check.summary, "\n", check.external_id, "\n", TextOf(check.notes))));
}

bool IsOurs(const ForgeComment& comment, const std::string& key, std::optional<Marker>& marker) {
  if (!comment.mine) return false;
  marker = ParseMarker(comment.body);
  return marker.has_value() && marker->key == key;
}

// The first line; some forges send texts back with the line ends of HTTP.
absl::string_view MarkerOf(absl::string_view text) {
  return absl::StripSuffix(text.substr(0, text.find('\n')), "\r");
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
      : forge_(forge),
        key_(key),
        surface_(surface),
        posted_(posted),
        save_(save),
        hash_(surface.comment.empty() ? "" : Sha256Hex(surface.comment)) {}

  // Whether what stands is newer, as far as it was looked at.
  bool late() const { return late_ || (!hash_.empty() && posted_.late_hash == hash_); }

  // Before anything is written: what is known from the last time another reconciler may have
  // changed.
  absl::Status Look() {
    if (hash_.empty() || hash_ == posted_.comment_hash || late()) return absl::OkStatus();
    ESPALIER_RETURN_IF_ERROR(Annotate(Find(), "looking for the comment"));
    if (others_) {
      // It has written more than the comment.
      posted_.statuses.clear();
      posted_.check_hash.clear();
    }
    if (late_) NoteLate();
    return absl::OkStatus();
  }

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
    return EndOthers();
  }

  absl::Status Comment() {
    if (hash_.empty() || posted_.comment_hash == hash_) return absl::OkStatus();
    absl::Status written = ours_.empty() ? Add() : KeepOldest();
    if (absl::IsNotFound(written)) {
      // Somebody has deleted it in between.
      ESPALIER_RETURN_IF_ERROR(Find());
      written = ours_.empty() ? Add() : KeepOldest();
    }
    ESPALIER_RETURN_IF_ERROR(Annotate(written, "writing the comment"));
    if (late_) {
      NoteLate();
      return absl::OkStatus();
    }
    posted_.comment_hash = hash_;
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
    ESPALIER_RETURN_IF_ERROR(EndOtherCheck());
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
  // Statuses that are not the surface's any more: of an older head, of the plan of what is merged.
  // A pending one would stay for ever; the others are history.
  absl::Status EndOthers() {
    const auto is_wanted = [this](const std::pair<std::string, std::string>& place) {
      return std::any_of(
          surface_.statuses.begin(), surface_.statuses.end(), [&](const PlacedStatus& status) {
            return status.sha == place.first && status.status.context == place.second;
          });
    };
    for (auto it = posted_.statuses.begin(); it != posted_.statuses.end();) {
      const auto& [sha, context] = it->first;
      if (is_wanted(it->first)) {
        ++it;
        continue;
      }
      if (absl::StartsWith(it->second, kPending)) {
        // Nobody waits for the head of what has ended; an older one must not look as if it passed.
        const absl::Status ended =
            forge_.SetStatus(sha, {.state = sha == surface_.commit ? CommitStatus::State::kSuccess
                                                                   : CommitStatus::State::kError,
                                   .context = context,
                                   .description = kOvertaken});
        // A commit that was pushed over may be gone.
        if (!ended.ok() && !absl::IsNotFound(ended) && !absl::IsInvalidArgument(ended)) {
          return Annotate(ended, absl::StrCat("ending ", context));
        }
      }
      it = posted_.statuses.erase(it);
      save_();
    }
    return absl::OkStatus();
  }

  // The same of a check run.
  absl::Status EndOtherCheck() {
    const bool is_wanted = surface_.with_check && posted_.check_commit == surface_.check.head_sha;
    if (is_wanted || !absl::StartsWith(posted_.check_hash, kPending)) return absl::OkStatus();
    CheckRun ended;
    ended.name = absl::StrCat("espalier/", key_);
    ended.head_sha = posted_.check_commit;
    ended.conclusion = CheckRun::Conclusion::kNeutral;
    ended.title = kOvertaken;
    ended.summary = kOvertaken;
    const absl::Status put = forge_.PutCheckRun(posted_.check_id, ended).status();
    if (!put.ok() && !absl::IsNotFound(put) && !absl::IsInvalidArgument(put)) {
      return Annotate(put, "ending a check run");
    }
    posted_.check_id.clear();
    posted_.check_commit.clear();
    posted_.check_hash.clear();
    save_();
    return absl::OkStatus();
  }

  // Finds our comments, and whether another reconciler wrote one that says more than the surface.
  absl::Status Find() {
    ESPALIER_ASSIGN_OR_RETURN(const std::vector<ForgeComment> all,
                              forge_.Comments(surface_.number));
    ours_.clear();
    bool other_head = false;
    for (const ForgeComment& comment : all) {
      std::optional<Marker> marker;
      if (!IsOurs(comment, key_, marker)) continue;
      ours_.push_back(comment.id);
      if (MarkerOf(comment.body) == posted_.marker) continue;
      others_ = true;
      if (marker->commit != surface_.commit) {
        other_head = true;
      } else if (marker->revision > surface_.revision) {
        late_ = true;
      }
    }
    if (late_ || !other_head) return absl::OkStatus();
    // Which of two heads is newer the forge knows.
    ESPALIER_ASSIGN_OR_RETURN(const PullRequest facts, forge_.GetPullRequest(surface_.number));
    late_ = facts.head_sha != surface_.commit;
    return absl::OkStatus();
  }

  // The oldest of ours stays: all reconcilers agree on which that is.
  absl::Status KeepOldest() {
    const std::string oldest = ours_.front();
    if (late_) {
      // Who wrote the newer one takes away what else there is.
      if (added_.empty() || added_ == oldest) return absl::OkStatus();
      return forge_.DeleteComment(surface_.number, added_);
    }
    posted_.comment_id = oldest;
    for (const std::string& id : ours_) {
      if (id == oldest) continue;
      ESPALIER_RETURN_IF_ERROR(forge_.DeleteComment(surface_.number, id));
    }
    save_();
    if (oldest == added_) return absl::OkStatus();
    ESPALIER_RETURN_IF_ERROR(forge_.EditComment(surface_.number, oldest, surface_.comment));
    posted_.marker = std::string(MarkerOf(surface_.comment));
    return absl::OkStatus();
  }

  absl::Status Add() {
    ESPALIER_ASSIGN_OR_RETURN(const ForgeComment added,
                              forge_.AddComment(surface_.number, surface_.comment));
    added_ = posted_.comment_id = added.id;
    posted_.marker = std::string(MarkerOf(surface_.comment));
    // It is there to be read, whatever becomes of the rest.
    Shown();
    save_();
    // Another reconciler may have had the same thought at the same time.
    ESPALIER_RETURN_IF_ERROR(Find());
    return ours_.empty() ? absl::NotFoundError("the comment is gone") : KeepOldest();
  }

  void NoteLate() {
    posted_.late_hash = hash_;
    save_();
  }

  Forge& forge_;
  const std::string& key_;
  const Surface& surface_;
  Posted& posted_;
  const std::function<void()>& save_;
  // Of the surface's comment; empty: it has none.
  const std::string hash_;
  // Our comments on the pull request, oldest first.
  std::vector<std::string> ours_;
  // The comment that says the surface's text already.
  std::string added_;
  // Another reconciler has written; and what it says is newer than the surface.
  bool others_ = false;
  bool late_ = false;
};

}  // namespace

absl::Status PostSurface(Forge& forge, const std::string& key, const Surface& surface,
                         Posted& posted, const std::function<void()>& save) {
  Posting posting(forge, key, surface, posted, save);
  const absl::Status looked = posting.Look();
  if (posting.late()) return absl::OkStatus();
  // The status first: it is what people wait for, also where comments cannot be read.
  ESPALIER_RETURN_IF_ERROR(posting.Statuses());
  ESPALIER_RETURN_IF_ERROR(looked);
  ESPALIER_RETURN_IF_ERROR(posting.Comment());
  if (posting.late()) return absl::OkStatus();
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
