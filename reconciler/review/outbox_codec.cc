#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "reconciler/review/outbox.h"

namespace espalier {
namespace {

using Json = nlohmann::json;

// Of the files; what was written by another version is found out anew.
constexpr int kVersion = 1;

Json Encode(const LineNote& note) {
  return {{"level", static_cast<int>(note.level)},
          {"path", note.path},
          {"first_line", note.first_line},
          {"last_line", note.last_line},
          {"old_line", note.old_line},
          {"title", note.title},
          {"message", note.message}};
}

LineNote DecodeNote(const Json& json) {
  LineNote note;
  note.level = static_cast<LineNote::Level>(json.at("level").get<int>());
  json.at("path").get_to(note.path);
  json.at("first_line").get_to(note.first_line);
  json.at("last_line").get_to(note.last_line);
  json.at("old_line").get_to(note.old_line);
  json.at("title").get_to(note.title);
  json.at("message").get_to(note.message);
  return note;
}

Json Encode(const std::vector<LineNote>& notes) {
  Json list = Json::array();
  for (const LineNote& note : notes) list.push_back(Encode(note));
  return list;
}

std::vector<LineNote> DecodeNotes(const Json& json) {
  std::vector<LineNote> notes;
  notes.reserve(json.size());
  for (const Json& note : json) notes.push_back(DecodeNote(note));
  return notes;
}

Json Encode(const CheckRun& check) {
  return {{"name", check.name},
          {"head_sha", check.head_sha},
          {"conclusion", static_cast<int>(check.conclusion)},
          {"title", check.title},
          {"summary", check.summary},
          {"details_url", check.details_url},
          {"external_id", check.external_id},
          {"notes", Encode(check.notes)}};
}

CheckRun DecodeCheck(const Json& json) {
  CheckRun check;
  json.at("name").get_to(check.name);
  json.at("head_sha").get_to(check.head_sha);
  check.conclusion = static_cast<CheckRun::Conclusion>(json.at("conclusion").get<int>());
  json.at("title").get_to(check.title);
  json.at("summary").get_to(check.summary);
  json.at("details_url").get_to(check.details_url);
  json.at("external_id").get_to(check.external_id);
  check.notes = DecodeNotes(json.at("notes"));
  return check;
}

Json Encode(const ShownPlan& plan) {
  return {{"commit", plan.commit}, {"digest", plan.digest}, {"destroys", plan.destroys}};
}

ShownPlan DecodeShown(const Json& json) {
  ShownPlan plan;
  json.at("commit").get_to(plan.commit);
  json.at("digest").get_to(plan.digest);
  json.at("destroys").get_to(plan.destroys);
  return plan;
}

Json Encode(const Surface& surface) {
  Json statuses = Json::array();
  for (const auto& [sha, status] : surface.statuses) {
    statuses.push_back({{"sha", sha},
                        {"state", static_cast<int>(status.state)},
                        {"context", status.context},
                        {"description", status.description},
                        {"url", status.url}});
  }
  return {{"number", surface.number},       {"commit", surface.commit},
          {"revision", surface.revision},   {"statuses", statuses},
          {"comment", surface.comment},     {"with_check", surface.with_check},
          {"check", Encode(surface.check)}, {"notes", Encode(surface.notes)},
          {"final", surface.final},         {"plan", Encode(surface.plan)}};
}

Surface DecodeSurface(const Json& json) {
  Surface surface;
  json.at("number").get_to(surface.number);
  json.at("commit").get_to(surface.commit);
  json.at("revision").get_to(surface.revision);
  for (const Json& placed : json.at("statuses")) {
    PlacedStatus& status = surface.statuses.emplace_back();
    placed.at("sha").get_to(status.sha);
    status.status.state = static_cast<CommitStatus::State>(placed.at("state").get<int>());
    placed.at("context").get_to(status.status.context);
    placed.at("description").get_to(status.status.description);
    placed.at("url").get_to(status.status.url);
  }
  json.at("comment").get_to(surface.comment);
  json.at("with_check").get_to(surface.with_check);
  surface.check = DecodeCheck(json.at("check"));
  surface.notes = DecodeNotes(json.at("notes"));
  json.at("final").get_to(surface.final);
  surface.plan = DecodeShown(json.at("plan"));
  return surface;
}

Json Encode(const Posted& posted) {
  Json statuses = Json::array();
  for (const auto& [place, hash] : posted.statuses) {
    statuses.push_back({{"sha", place.first}, {"context", place.second}, {"hash", hash}});
  }
  return {{"statuses", statuses},
          {"comment_id", posted.comment_id},
          {"comment_hash", posted.comment_hash},
          {"marker", posted.marker},
          {"check_id", posted.check_id},
          {"check_commit", posted.check_commit},
          {"check_hash", posted.check_hash},
          {"no_checks", posted.no_checks},
          {"notes_hash", posted.notes_hash},
          {"answered", posted.answered},
          {"shown", Encode(posted.shown)}};
}

Posted DecodePosted(const Json& json) {
  Posted posted;
  for (const Json& status : json.at("statuses")) {
    posted
        .statuses[{status.at("sha").get<std::string>(), status.at("context").get<std::string>()}] =
        status.at("hash").get<std::string>();
  }
  json.at("comment_id").get_to(posted.comment_id);
  json.at("comment_hash").get_to(posted.comment_hash);
  posted.marker = json.value("marker", "");
  json.at("check_id").get_to(posted.check_id);
  json.at("check_commit").get_to(posted.check_commit);
  json.at("check_hash").get_to(posted.check_hash);
  json.at("no_checks").get_to(posted.no_checks);
  json.at("notes_hash").get_to(posted.notes_hash);
  json.at("answered").get_to(posted.answered);
  posted.shown = DecodeShown(json.at("shown"));
  return posted;
}

}  // namespace

std::string EncodeEntry(const OutboxEntry& entry) {
  const Json json = {{"version", kVersion},
                     {"surface", Encode(entry.surface)},
                     {"replies", entry.replies},
                     {"posted", Encode(entry.posted)},
                     {"comments_until", entry.comments_until}};
  // What came from outside was made valid UTF-8 on the way; should it not be, it is replaced.
  return json.dump(1, ' ', false, Json::error_handler_t::replace);
}

absl::StatusOr<OutboxEntry> DecodeEntry(absl::string_view bytes) {
  try {
    const Json json = Json::parse(bytes.begin(), bytes.end());
    if (json.at("version").get<int>() != kVersion) {
      return absl::InvalidArgumentError("written by another version");
    }
    OutboxEntry entry;
    entry.surface = DecodeSurface(json.at("surface"));
    json.at("replies").get_to(entry.replies);
    entry.posted = DecodePosted(json.at("posted"));
    json.at("comments_until").get_to(entry.comments_until);
    return entry;
  } catch (const Json::exception& error) {
    return absl::InvalidArgumentError(absl::StrCat("not an entry of the outbox: ", error.what()));
  }
}

}  // namespace espalier
