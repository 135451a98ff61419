#include "engine/model/problem_codes.h"

#include <algorithm>
#include <iterator>

#include "absl/strings/str_cat.h"

namespace espalier {

namespace {

constexpr ProblemCodeInfo kInfos[] = {
    {"already_exists", FoundBy::kEngine,
     "The object is there already, and who declares it said that it must be new.",
     "Import it if it is yours (`terraform import`), or give the new one another name."},
    {"bad_file_name", FoundBy::kFiles,
     "A file or folder has a name that does not mean the same on every system: it differs from a "
     "neighbour's in case alone, is another name of `.git`, ends in a dot or a space, holds "
     "control "
     "or invisible characters, or is too long.",
     "Rename it. What begins with a dot is never looked at."},
    {"budget_exceeded", FoundBy::kEngine,
     "Carrying this out would destroy more than the owner may destroy in an hour.",
     "Look whether so much is meant to go. If it is, confirm the plan by its digest, wait, or "
     "raise "
     "`destruction_budget` of the GitSource or the Cluster."},
    {"controller_owned", FoundBy::kEngine,
     "The object is a member of something larger, a VM of a pool, and changes through it only.",
     "Change what it is a member of: its name stands in the message."},
    {"deleting", FoundBy::kEngine,
     "The object is being deleted: an agent has not let go of it yet.",
     "Wait until it is gone (`espalier why` says what it waits for), then declare it again."},
    {"deprecated_field", FoundBy::kFiles, "The field still works and will go away.",
     "Use what the message names instead."},
    {"digest_mismatch", FoundBy::kEngine,
     "The plan is not the one that was agreed to: something changed since.",
     "Plan again, read what is new, and agree to that."},
    {"duplicate_key", FoundBy::kFiles,
     "A key stands twice in one map. Readers differ in which one they take, so none is taken.",
     "Remove one of them; the message names both lines."},
    {"duplicate_object", FoundBy::kFiles, "One object is declared twice in one set.",
     "Remove one of the declarations; the message names both places."},
    {"empty_set", FoundBy::kEngine,
     "The set declares nothing while its owner has objects: far more often a mistake than a wish, "
     "so "
     "nothing is deleted.",
     "Correct the source's `path`. If all of it is meant to go, delete the objects by name, or the "
     "GitSource with `on_delete: prune`."},
    {"held", FoundBy::kEngine,
     "Somebody changed the object by an override and asked that it stay so for a while.",
     "Wait until the hold ends, or talk to whom the message names. An override of your own ends "
     "theirs."},
    {"in_use", FoundBy::kEngine,
     "The object cannot go away yet: VMs run on the host, a disk lies on it, or objects live in "
     "the "
     "namespace.",
     "Drain the host, or set its `drain_on_destroy`; delete what lives in the namespace first, or "
     "with it."},
    {"incomplete_scope", FoundBy::kEngine,
     "Objects would be deleted because they are not declared any more, but not everything that is "
     "declared could be read.",
     "Make the whole source valid. Nothing is deleted for want of a file that nobody could read."},
    {"invalid_utf8", FoundBy::kFiles, "A file is not valid UTF-8.",
     "Save it as UTF-8; the message names the first byte that is not."},
    {"invalid_value", FoundBy::kFiles,
     "A value is not what its field takes: another type, out of range, of another form, not one of "
     "the words that there are.",
     "Write what the message asks for; `espalier explain KIND.FIELD` says all about the field."},
    {"lfs_pointer", FoundBy::kFiles,
     "The file is a pointer of Git LFS: what it stands for is kept elsewhere, and is not read.",
     "Keep declarations in the repository itself: `git lfs untrack` their pattern and add them "
     "again."},
    {"looks_like_secret", FoundBy::kFiles,
     "A text has the form of a password, a token or a private key, and stands where everybody can "
     "read it.",
     "Revoke it if it is one: whoever can read the repository has it. Then name it instead, as "
     "`file` below the secrets directory of the process that needs it."},
    {"merge_conflict", FoundBy::kEngine,
     "The pull request and its base changed the same lines, or one removed what the other changed.",
     "Merge the base into the pull request and settle the lines that the message names."},
    {"missing_field", FoundBy::kFiles, "A field that is required is not there.",
     "Add it; `espalier explain KIND` lists the fields."},
    {"missing_folder", FoundBy::kFiles,
     "The source's `path` is no folder of the commit. Git keeps no empty folders, so one whose "
     "last "
     "file went away is missing too. What was applied stays.",
     "Correct `path`, or put a file into the folder: one without documents declares nothing."},
    {"missing_reference", FoundBy::kEngine,
     "The object refers to one that neither is declared beside it nor exists.",
     "Nothing, if the other comes later: this one waits for it. Otherwise correct the name."},
    {"no_secret_store", FoundBy::kEngine,
     "A secret is given as a value to an engine that keeps none.",
     "Name it instead: `file` or `env` of the process that uses it."},
    {"not_a_file", FoundBy::kFiles,
     "A symbolic link, a submodule or a device stands where only files and folders are read. None "
     "of them is followed.",
     "Put the file itself there, or move the entry out of the source's folder."},
    {"not_for_terraform", FoundBy::kEngine,
     "A policy would keep something from Terraform that Terraform would then call a bug.",
     "Say it in Terraform's own words: `lifecycle`, or a `removed` block."},
    {"not_found", FoundBy::kEngine, "The object does not exist.",
     "Look for its name with `espalier list`."},
    {"not_from_git", FoundBy::kFiles,
     "Git may not declare this kind, because it says who may declare what, or where passwords go.",
     "Declare it with the command line, REST or Terraform. Registry credentials may come from git "
     "if the source's `kinds` name them."},
    {"not_owned", FoundBy::kEngine, "The object is not this owner's to give up.",
     "Nothing: it stays whose it is. `espalier owner` says whose."},
    {"not_pruned", FoundBy::kEngine,
     "An object is not declared any more and stays: a policy protects it, or its host is silent.",
     "Nothing, or take the protection away; the message says what keeps it."},
    {"outside_scope", FoundBy::kEngine, "The source may not write this kind or this namespace.",
     "Declare the object in the source that may, or widen `kinds` or `namespaces` of this one."},
    {"owner_conflict", FoundBy::kEngine,
     "Another owner declares the object. An object has one owner, so that nobody's change is "
     "undone "
     "by somebody else's.",
     "Change it where it is declared (`espalier owner` says where), take it over with a transfer, "
     "or override it with a reason."},
    {"quota_exceeded", FoundBy::kEngine,
     "The VMs and pools of a namespace would declare more together than its `quota` allows.",
     "Declare less, delete what is not needed any more, or have who may write the Namespace raise "
     "its quota."},
    {"recreate_disabled", FoundBy::kEngine,
     "The change can only be made by replacing the object, and a policy forbids that.",
     "Take the change back, or allow the object to be made anew."},
    {"reference_cycle", FoundBy::kEngine,
     "Objects refer to each other in a circle, so that none can come first.",
     "Remove one of the references; the message names the objects."},
    {"secret_in_git", FoundBy::kFiles,
     "A secret stands in a file: whoever can read the repository, now or later, has it.",
     "Revoke it, then name it instead: `file` or `env` of the process that uses it. Only a value "
     "that comes by another hand than git is kept by the engine."},
    {"secret_not_kept", FoundBy::kEngine,
     "A seal is given, and the engine keeps no value under it in that place: it was replaced, is "
     "of "
     "another object, or the key was lost.",
     "Give the secret itself, as `value`, or name a file or an environment variable."},
    {"suspended", FoundBy::kEngine,
     "Somebody suspended the object or its source: nothing of it is applied for now.",
     "Wait, resume it (the message says who suspended it and why), or override with a reason."},
    {"syntax_error", FoundBy::kFiles, "The text is not YAML or JSON.",
     "Correct it where the message points: most often the indentation, a quote or a bracket."},
    {"too_large", FoundBy::kFiles,
     "A file, a document, an object or a set is larger, deeper or has more parts than is read.",
     "Split it. The limits are far above what a person writes."},
    {"too_many_problems", FoundBy::kFiles, "There are more problems than are listed.",
     "Correct the first ones and look again."},
    {"unknown_field", FoundBy::kFiles, "There is no field of this name here.",
     "Correct the name: the message has the nearest one, or all that there are."},
    {"unknown_kind", FoundBy::kFiles, "There is no kind of this name.",
     "Correct the name: the message has the nearest one, or all that there are."},
    {"unknown_policy", FoundBy::kFiles, "An annotation begins with `espalier/` and is no policy.",
     "Correct its name: the message lists the policies."},
    {"unknown_source", FoundBy::kEngine, "A source waits for one that does not exist.",
     "Correct the name in `after`, or declare the other source."},
    {"yaml_feature", FoundBy::kFiles,
     "The file uses an anchor, an alias or a tag. They let a few bytes mean gigabytes, and text "
     "mean something else than it says, so they are refused everywhere.",
     "Write the value out where it is used; put strings in quotes."},
};

static_assert(std::is_sorted(std::begin(kProblemCodes), std::end(kProblemCodes)));
static_assert(std::equal(std::begin(kProblemCodes), std::end(kProblemCodes), std::begin(kInfos),
                         std::end(kInfos), [](absl::string_view code, const ProblemCodeInfo& info) {
                           return code == info.code;
                         }));

}  // namespace

void SetCode(ProblemCode code, v1::Problem& problem) { problem.set_code(std::string(code.text())); }

const ProblemCodeInfo* FindProblemCode(absl::string_view code) {
  for (const ProblemCodeInfo& info : kInfos) {
    if (info.code == code) return &info;
  }
  return nullptr;
}

std::string ProblemsPage() {
  std::string page =
      "<!-- Generated by espalier-generate; do not edit. -->\n\n# Problems\n\n"
      "Every problem carries one of these codes, in brackets behind its text, as `code` in JSON "
      "and "
      "in REST's problem\ndocuments. Codes are stable: programs may test them. "
      "`espalier explain problem/CODE` prints the same.\n\n"
      "*Files* means that `espalier validate` finds it without an engine, with the place where the "
      "reconciler finds it;\n*engine* that it depends on what the engine has stored, on who asks, "
      "or "
      "on a source's own rules.\n\n| code | found by |\n|---|---|\n";
  for (const ProblemCodeInfo& info : kInfos) {
    absl::StrAppend(&page, "| [`", info.code, "`](#", info.code, ") | ",
                    info.found_by == FoundBy::kFiles ? "files" : "engine", " |\n");
  }
  for (const ProblemCodeInfo& info : kInfos) {
    absl::StrAppend(&page, "\n## ", info.code, "\n\n", info.meaning, "\n\n", info.remedy, "\n");
  }
  return page;
}

}  // namespace espalier
