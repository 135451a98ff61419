// get, list, watch, explain: reading over every kind.
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>

#include "absl/strings/str_cat.h"
#include "engine/base/status.h"
#include "engine/cli/commands.h"
#include "engine/model/codec.h"
#include "engine/model/explain.h"

namespace espalier::cli {
namespace {

struct ReadFlags {
  std::vector<std::string> words;
  std::vector<std::string> labels;
};

absl::StatusOr<Query> QueryOf(Invocation& invocation, const KindInfo* kind,
                              const std::vector<std::string>& labels) {
  Query query;
  if (kind != nullptr) query.add_kinds(kind->name);
  if (!invocation.globals.ns.empty() && !invocation.globals.all_namespaces &&
      (kind == nullptr || kind->namespaced)) {
    query.set_namespace_(invocation.globals.ns);
  }
  ESPALIER_ASSIGN_OR_RETURN(const auto pairs, PairsFromWords(labels));
  for (const auto& [key, value] : pairs) (*query.mutable_labels())[key] = value;
  return query;
}

absl::StatusOr<int> Get(Invocation& invocation, const ReadFlags& flags) {
  ESPALIER_ASSIGN_OR_RETURN(const std::vector<Ref> refs,
                            RefsFromWords(flags.words, invocation.Namespace()));
  ESPALIER_ASSIGN_OR_RETURN(Resources * resources, invocation.ResourcesOfEngine());
  std::vector<Resource> found;
  for (const Ref& ref : refs) {
    if (ref.name.empty()) {
      ESPALIER_ASSIGN_OR_RETURN(const Query query,
                                QueryOf(invocation, &InfoOf(ref.kind), flags.labels));
      ESPALIER_ASSIGN_OR_RETURN(found, invocation.ListAll(query));
      PrintObjects(
          invocation, found, /*single=*/false,
          absl::StrCat("no ", InfoOf(ref.kind).plural,
                       query.namespace_().empty() ? "" : " in namespace ", query.namespace_()));
      return kSuccess;
    }
    ESPALIER_ASSIGN_OR_RETURN(Resource resource, resources->Get(invocation.Context(), ref));
    found.push_back(std::move(resource));
  }
  PrintObjects(invocation, found, refs.size() == 1);
  return kSuccess;
}

absl::StatusOr<int> List(Invocation& invocation, const ReadFlags& flags) {
  std::vector<Resource> found;
  if (flags.words.empty()) {
    ESPALIER_ASSIGN_OR_RETURN(Query query, QueryOf(invocation, nullptr, flags.labels));
    ESPALIER_ASSIGN_OR_RETURN(found, invocation.ListAll(std::move(query)));
  }
  for (const std::string& word : flags.words) {
    ESPALIER_ASSIGN_OR_RETURN(const std::vector<Ref> refs,
                              RefsFromWords({word}, invocation.Namespace()));
    ESPALIER_ASSIGN_OR_RETURN(Query query,
                              QueryOf(invocation, &InfoOf(refs.front().kind), flags.labels));
    ESPALIER_ASSIGN_OR_RETURN(const std::vector<Resource> some,
                              invocation.ListAll(std::move(query)));
    found.insert(found.end(), some.begin(), some.end());
  }
  PrintObjects(invocation, found, /*single=*/false);
  return kSuccess;
}

// Prints what is there and then every change, until interrupted or `count` events were printed.
absl::StatusOr<int> WatchKind(Invocation& invocation, const ReadFlags& flags, int count) {
  const KindInfo* kind = nullptr;
  if (!flags.words.empty()) {
    ESPALIER_ASSIGN_OR_RETURN(const std::vector<Ref> refs,
                              RefsFromWords(flags.words, invocation.Namespace()));
    kind = &InfoOf(refs.front().kind);
  }
  ESPALIER_ASSIGN_OR_RETURN(const Query query, QueryOf(invocation, kind, flags.labels));
  ESPALIER_ASSIGN_OR_RETURN(Resources * resources, invocation.ResourcesOfEngine());
  ESPALIER_ASSIGN_OR_RETURN(auto watch, resources->StartWatch(invocation.Context(), query, ""));
  int printed = 0;
  while (true) {
    ESPALIER_ASSIGN_OR_RETURN(const WatchBatch batch,
                              watch->Next(invocation.clock.Elapsed() + absl::Minutes(1)));
    for (const Event& event : batch.events()) {
      if (invocation.globals.output == Output::kJson) {
        invocation.out << MessageToJson(event, Indent::kNone) << "\n";
      } else {
        invocation.out << event.revision() << " "
                       << (event.type() == Event::GONE ? "gone " : "put  ")
                       << ToString(RefOf(event.resource())) << "\n";
      }
      if (count > 0 && ++printed >= count) return kSuccess;
    }
    invocation.out.flush();
  }
}

}  // namespace

void AddReadCommands(CLI::App& app, Command& chosen) {
  // The flags live as long as the commands that capture them.
  const auto get_flags = std::make_shared<ReadFlags>();
  CLI::App* get = app.add_subcommand("get", "Show objects: get vm/ci/build, get vm build, get vms");
  get->add_option("object", get_flags->words, "kind/name, or a kind and names")->required();
  get->add_option("-l,--selector", get_flags->labels, "only with these labels: team=ci,tier=gold");
  get->callback([&chosen, get_flags] {
    chosen = [get_flags](Invocation& invocation) { return Get(invocation, *get_flags); };
  });

  const auto list_flags = std::make_shared<ReadFlags>();
  CLI::App* list = app.add_subcommand("list", "List objects of some kinds, or of all");
  list->add_option("kind", list_flags->words, "kinds: vms, hosts, images, ...");
  list->add_option("-l,--selector", list_flags->labels,
                   "only with these labels: team=ci,tier=gold");
  list->callback([&chosen, list_flags] {
    chosen = [list_flags](Invocation& invocation) { return List(invocation, *list_flags); };
  });

  const auto watch_flags = std::make_shared<ReadFlags>();
  const auto count = std::make_shared<int>(0);
  CLI::App* watch = app.add_subcommand("watch", "Print every change as it happens");
  watch->add_option("kind", watch_flags->words, "a kind; none is all");
  watch->add_option("-l,--selector", watch_flags->labels, "only with these labels");
  watch->add_option("--count", *count, "end after so many events");
  watch->callback([&chosen, watch_flags, count] {
    chosen = [watch_flags, count](Invocation& invocation) {
      return WatchKind(invocation, *watch_flags, *count);
    };
  });

  const auto path = std::make_shared<std::string>();
  CLI::App* explain = app.add_subcommand(
      "explain", "What a kind, a field or a problem means: explain vm.memory_mib");
  explain->add_option("path", *path, "kind, kind.field.field, or problem/code")->required();
  explain->callback([&chosen, path] {
    chosen = [path](Invocation& invocation) -> absl::StatusOr<int> {
      ESPALIER_ASSIGN_OR_RETURN(const std::string text, Explain(*path));
      invocation.out << text;
      return kSuccess;
    };
  });
}

}  // namespace espalier::cli
