#include "engine/cli/invocation.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "engine/base/status.h"
#include "engine/model/codec.h"
#include "engine/model/problem.h"
#include "engine/render/render.h"

namespace espalier::cli {
namespace {

absl::string_view PastTense(v1::Action::Verb verb) {
  switch (verb) {
    case v1::Action::CREATE:
      return "created";
    case v1::Action::UPDATE:
      return "updated";
    case v1::Action::REPLACE:
      return "replaced";
    case v1::Action::DELETE:
      return "deleted";
    case v1::Action::ADOPT:
      return "adopted";
    case v1::Action::RELEASE:
      return "released";
    default:
      return "unchanged";
  }
}

}  // namespace

absl::StatusOr<Remote*> Invocation::Engine() {
  if (remote_ != nullptr) return remote_.get();
  ESPALIER_ASSIGN_OR_RETURN(remote_, MakeRemote(clock, threads, io, globals.remote));
  return remote_.get();
}

absl::StatusOr<Resources*> Invocation::ResourcesOfEngine() {
  ESPALIER_ASSIGN_OR_RETURN(Remote * remote, Engine());
  return &remote->resources();
}

CallContext Invocation::Context() const {
  CallContext context;
  context.timeout = absl::Seconds(60);
  return context;
}

absl::StatusOr<std::vector<Resource>> Invocation::ListAll(Query query) {
  ESPALIER_ASSIGN_OR_RETURN(Resources * resources, ResourcesOfEngine());
  std::vector<Resource> all;
  do {
    ESPALIER_ASSIGN_OR_RETURN(ListPage page, resources->List(Context(), query));
    for (Resource& item : *page.mutable_items()) all.push_back(std::move(item));
    query.set_page(page.next_page());
  } while (!query.page().empty());
  return all;
}

absl::StatusOr<std::vector<Resource>> Invocation::ListKind(Kind kind) {
  Query query;
  query.add_kinds(InfoOf(kind).name);
  return ListAll(std::move(query));
}

absl::StatusOr<std::vector<Ref>> RefsFromWords(const std::vector<std::string>& words,
                                               const std::string& ns) {
  std::vector<Ref> refs;
  const KindInfo* kind = nullptr;
  for (const std::string& word : words) {
    const auto slashes = std::count(word.begin(), word.end(), '/');
    if (slashes == 0) {
      if (kind == nullptr) {
        kind = FindKind(word);
        if (kind == nullptr) {
          // The error of ParseRef names the nearest kind.
          return absl::InvalidArgumentError(
              absl::StrCat(ParseRef(absl::StrCat(word, "/x")).status().message(),
                           " (objects are named as kind/name: vm/build, vm/ci/build)"));
        }
        continue;
      }
      refs.push_back(Ref{kind->kind, kind->namespaced ? ns : "", word});
      continue;
    }
    ESPALIER_ASSIGN_OR_RETURN(Ref ref, ParseRef(word));
    if (slashes == 1 && InfoOf(ref.kind).namespaced) ref.ns = ns;
    refs.push_back(std::move(ref));
  }
  if (refs.empty() && kind != nullptr) refs.push_back(Ref{kind->kind, "", ""});
  if (refs.empty()) return absl::InvalidArgumentError("name an object, as kind/name");
  return refs;
}

absl::StatusOr<std::map<std::string, std::string>> PairsFromWords(
    const std::vector<std::string>& words) {
  std::map<std::string, std::string> pairs;
  for (const std::string& list : words) {
    for (absl::string_view word : absl::StrSplit(list, ',', absl::SkipEmpty())) {
      const std::size_t equals = word.find('=');
      if (equals == absl::string_view::npos || equals == 0) {
        return absl::InvalidArgumentError(
            absl::StrCat("\"", word, "\" is not of the form key=value"));
      }
      pairs[std::string(word.substr(0, equals))] = std::string(word.substr(equals + 1));
    }
  }
  return pairs;
}

void PrintObjects(Invocation& invocation, const std::vector<Resource>& objects, bool single,
                  const std::string& nothing) {
  switch (invocation.globals.output) {
    case Output::kJson: {
      if (single && objects.size() == 1) {
        invocation.out << ToJson(objects.front(), Indent::kTwo) << "\n";
        return;
      }
      ListPage page;
      for (const Resource& object : objects) *page.add_items() = object;
      invocation.out << MessageToJson(page, Indent::kTwo) << "\n";
      return;
    }
    case Output::kYaml:
      for (std::size_t i = 0; i < objects.size(); ++i) {
        invocation.out << (i > 0 ? "---\n" : "") << ToYaml(objects[i]);
      }
      return;
    default:
      break;
  }
  if (objects.empty()) invocation.err << nothing << "\n";
  // One table per kind, in order of kinds.
  const bool wide = invocation.globals.output == Output::kWide;
  bool first = true;
  for (const KindInfo& kind : AllKinds()) {
    std::vector<Resource> of_kind;
    for (const Resource& object : objects) {
      if (object.body_case() == kind.kind) of_kind.push_back(object);
    }
    if (of_kind.empty()) continue;
    if (!first) invocation.out << "\n";
    first = false;
    invocation.out << ObjectsTable(kind, of_kind, wide, invocation.clock.Now());
  }
}

void PrintTable(Invocation& invocation, const Table& table, const std::string& nothing) {
  invocation.out << table.ToText();
  if (table.empty()) invocation.err << nothing << "\n";
}

int PrintProblems(Invocation& invocation, const std::vector<v1::Problem>& problems) {
  int code = kSuccess;
  for (const v1::Problem& problem : problems) {
    invocation.err << ProblemToText(problem, {.color = invocation.color}) << "\n";
    if (problem.severity() == v1::Problem::ERROR) code = kFailure;
  }
  return code;
}

int PrintPlan(Invocation& invocation, const ApplyResult& result) {
  const std::vector<Problem> problems(result.problems().begin(), result.problems().end());
  switch (invocation.globals.output) {
    case Output::kJson:
      invocation.out << PlanToJson(result);
      break;
    case Output::kMarkdown:
      invocation.out << PlanToMarkdown(result.plan(), problems);
      break;
    default:
      invocation.out << PlanToText(result.plan(), problems, {.color = invocation.color});
  }
  const bool refused = std::any_of(problems.begin(), problems.end(), [](const Problem& problem) {
    return problem.severity() == Problem::ERROR;
  });
  return refused ? kFailure : kSuccess;
}

int PrintApplied(Invocation& invocation, const ApplyResult& result) {
  const int code = PrintProblems(invocation, {result.problems().begin(), result.problems().end()});
  if (code != kSuccess) return code;
  if (invocation.globals.output == Output::kJson) {
    invocation.out << MessageToJson(result.plan(), Indent::kTwo) << "\n";
    return kSuccess;
  }
  for (const v1::Action& action : result.plan().actions()) {
    const absl::StatusOr<Ref> ref = FromProto(action.ref());
    if (ref.ok()) invocation.out << ToString(*ref) << " " << PastTense(action.verb()) << "\n";
  }
  for (const std::string& verdict : result.plan().capacity().verdicts()) {
    invocation.out << verdict << "\n";
  }
  return kSuccess;
}

}  // namespace espalier::cli
