#include "reconciler/review/acceptance_text.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/model/diff.h"
#include "engine/render/safe_text.h"
#include "engine/render/words.h"
#include "reconciler/review/acceptance.h"

namespace espalier {
namespace {

// Of a value in a table.
constexpr std::size_t kValueCharacters = 80;
// Rows of the table, and lines of the list of what is left out: the diff and the files say the
// rest.
constexpr std::size_t kRows = 200;
constexpr std::size_t kLines = 50;

std::string Row(const ChosenObject& object, const FieldChange& change, int line) {
  const absl::Time never = absl::InfinitePast();
  return absl::StrCat("| ", MarkdownText(absl::StrCat(object.file, ":", line)), " | ",
                      MarkdownText(ToHuman(object.ref)), " | ", MarkdownText(change.path()), " | ",
                      MarkdownText(BeforeText(change, kValueCharacters)), " | ",
                      MarkdownText(AfterText(change, kValueCharacters)), " | ",
                      MarkdownText(WhoText(object.row, never)), " |\n");
}

}  // namespace

AcceptedDrift AcceptedIn(const DriftChoice& choice, PatchResult result) {
  AcceptedDrift accepted;
  accepted.left_out = choice.left_out;
  std::map<std::string, const PatchResult::File*> files;
  for (const PatchResult::File& file : result.files) files[file.path] = &file;
  // Objects come in the order in which the edits of their files were asked for.
  std::map<std::string, std::size_t> next;
  std::set<std::string> changed;
  std::size_t fields = 0;
  std::size_t objects = 0;
  for (const ChosenObject& object : choice.objects) {
    const std::size_t index = next[object.file]++;
    const PatchResult::File& file = *files.at(object.file);
    bool any = false;
    for (int i = 0; i < object.row.changes_size(); ++i) {
      const FieldChange& change = object.row.changes(i);
      const FieldEdited edited =
          file.status.ok() ? file.edited.objects[index][i] : FieldEdited{.done = file.status};
      if (!edited.done.ok()) {
        accepted.left_out.push_back({absl::StrCat(ToHuman(object.ref), " ", change.path()),
                                     absl::StrCat(object.file, ": ", edited.done.message())});
        continue;
      }
      any = true;
      if (++fields <= kRows) absl::StrAppend(&accepted.table, Row(object, change, edited.line));
    }
    if (!any) continue;
    ++objects;
    changed.insert(object.file);
  }
  if (fields > kRows) absl::StrAppend(&accepted.table, "| … | | | | | |\n");
  for (PatchResult::File& file : result.files) {
    if (changed.contains(file.path)) {
      accepted.files.push_back({.path = file.path, .bytes = std::move(file.edited.bytes)});
    }
  }
  accepted.counts = absl::StrCat(Count(fields, "field"), " of ", Count(objects, "object"));
  return accepted;
}

std::string LeftOutText(const std::vector<LeftOut>& left_out) {
  std::string text;
  for (std::size_t i = 0; i < std::min(left_out.size(), kLines); ++i) {
    absl::StrAppend(&text, "- ", MarkdownText(left_out[i].what), ": ",
                    MarkdownText(left_out[i].why), "\n");
  }
  if (left_out.size() > kLines) {
    absl::StrAppend(&text, "- and ", left_out.size() - kLines, " more\n");
  }
  return text;
}

ProposedChange ChangeOf(const std::string& source, const std::string& commit,
                        const GivenCommand& given, const AcceptedDrift& accepted) {
  ProposedChange change;
  change.branch = AcceptanceBranch(source);
  change.base_sha = commit;
  change.files = accepted.files;
  change.title = absl::StrCat("Accept the drift of ", source);
  change.body = absl::StrCat(
      "Declares ", accepted.counts, " as they are live, against ", commit.substr(0, 12),
      ". Asked for by ", MarkdownText(given.author), ".\n\n",
      "| where | object | field | declared | live | who |\n|---|---|---|---|---|---|\n",
      accepted.table);
  if (!accepted.left_out.empty()) {
    absl::StrAppend(&change.body, "\nLeft out:\n\n", LeftOutText(accepted.left_out));
  }
  return change;
}

}  // namespace espalier
