// status, why, owner, drift: questions that people ask about a fleet.
#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "engine/base/status.h"
#include "engine/cli/commands.h"
#include "engine/cli/document.h"
#include "engine/cli/fleet.h"
#include "engine/model/timestamp.h"
#include "engine/render/render.h"

namespace espalier::cli {
namespace {

absl::StatusOr<int> Status(Invocation& invocation) {
  ESPALIER_ASSIGN_OR_RETURN(const std::vector<Resource> objects, invocation.ListAll(Query()));
  ESPALIER_ASSIGN_OR_RETURN(Resources * resources, invocation.ResourcesOfEngine());
  ESPALIER_ASSIGN_OR_RETURN(const DriftReport drift,
                            resources->Drift(invocation.Context(), v1::DriftRequest()));
  if (WantsDocument(invocation)) {
    PrintDocument(invocation, [&](DocumentWriter& writer) { WriteStatus(objects, drift, writer); });
    return kSuccess;
  }
  invocation.out << StatusLine(objects, drift);
  return kSuccess;
}

absl::StatusOr<Resource> GetOne(Invocation& invocation, const std::vector<std::string>& words) {
  ESPALIER_ASSIGN_OR_RETURN(const std::vector<Ref> refs,
                            RefsFromWords(words, invocation.Namespace()));
  if (refs.size() != 1 || refs.front().name.empty()) {
    return absl::InvalidArgumentError("name one object, as kind/name");
  }
  ESPALIER_ASSIGN_OR_RETURN(Resources * resources, invocation.ResourcesOfEngine());
  return resources->Get(invocation.Context(), refs.front());
}

// What keeps an object from being as declared, in the words that every other surface uses.
absl::StatusOr<int> Why(Invocation& invocation, const std::vector<std::string>& words) {
  ESPALIER_ASSIGN_OR_RETURN(const Resource resource, GetOne(invocation, words));
  std::ostream& out = invocation.out;
  out << ToHuman(RefOf(resource));
  if (resource.metadata().has_deleting_since()) out << " is being deleted;";
  if (resource.has_vm()) {
    const v1::VmPlacement& placement = resource.vm().status().placement();
    out << " is " << PhaseWord(resource);
    if (!placement.host().empty()) {
      out << " on " << placement.host() << " (attempt " << placement.attempt() << ")";
    }
    if (!placement.why().empty()) out << ": " << placement.why();
    out << "\n";
    const v1::VmObserved& observed = resource.vm().status().observed();
    if (!observed.message().empty()) out << "  its agent says: " << observed.message() << "\n";
    // What runs has its image, whatever the host's last word about the pull was.
    if (placement.phase() == v1::VmPlacement::STARTING) {
      ESPALIER_ASSIGN_OR_RETURN(const std::string progress,
                                PullText(invocation, placement.host(), placement.image_digest()));
      if (!progress.empty()) out << "  image: " << progress << "\n";
    }
  } else {
    out << WhyText(resource) << "\n";
  }
  for (const auto& [name, hold] : resource.metadata().holds()) {
    out << "  " << name << " by " << hold.by() << ": " << hold.why();
    if (hold.has_until()) {
      out << " (until " << MinuteText(TimeOf(hold.until())) << ")";
    }
    out << "\n";
  }
  return kSuccess;
}

absl::StatusOr<int> OwnerOf(Invocation& invocation, const std::vector<std::string>& words) {
  ESPALIER_ASSIGN_OR_RETURN(const Resource resource, GetOne(invocation, words));
  const Owner& owner = resource.metadata().owner();
  invocation.out << ToHuman(RefOf(resource));
  if (owner.manager() == Owner::MANAGER_UNSPECIFIED) {
    invocation.out << " is owned by nobody; the first to declare it owns it\n";
    return kSuccess;
  }
  invocation.out << " is owned by " << OwnerWord(owner);
  if (!owner.source().empty()) invocation.out << ", declared at " << owner.source();
  if (!owner.commit().empty()) invocation.out << " in commit " << owner.commit().substr(0, 12);
  invocation.out << "\n";
  if (resource.metadata().has_edited()) {
    const v1::Edited& edited = resource.metadata().edited();
    invocation.out << "  changed by " << edited.actor() << " through " << edited.interface() << ": "
                   << edited.reason() << "\n";
  }
  return kSuccess;
}

// What was healed is listed, and is no drift any more.
bool HasDrift(const DriftReport& report) {
  return std::any_of(report.rows().begin(), report.rows().end(),
                     [](const v1::DriftRow& row) { return !row.has_healed_at(); });
}

absl::StatusOr<int> Drift(Invocation& invocation, const std::string& source) {
  v1::DriftRequest request;
  if (!source.empty()) {
    request.mutable_owner()->set_manager(Owner::GIT);
    request.mutable_owner()->set_instance(source);
  }
  ESPALIER_ASSIGN_OR_RETURN(Resources * resources, invocation.ResourcesOfEngine());
  ESPALIER_ASSIGN_OR_RETURN(const DriftReport report,
                            resources->Drift(invocation.Context(), request));
  const absl::Time now = invocation.clock.Now();
  if (WantsDocument(invocation)) {
    PrintDocument(invocation, [&](DocumentWriter& writer) { WriteDrift(report, now, writer); });
  } else if (invocation.globals.output == Output::kMarkdown) {
    invocation.out << DriftToMarkdown(report, {.now = now});
  } else {
    invocation.out << DriftToText(report, {.color = invocation.color, .now = now});
  }
  return HasDrift(report) ? kChanges : kSuccess;
}

}  // namespace

void AddQuestionCommands(CLI::App& app, Command& chosen) {
  CLI::App* status = app.add_subcommand("status", "The fleet in one line");
  status->callback(
      [&chosen] { chosen = [](Invocation& invocation) { return Status(invocation); }; });

  const auto why_words = std::make_shared<std::vector<std::string>>();
  CLI::App* why = app.add_subcommand("why", "Why an object is as it is: why vm/ci/build");
  why->add_option("object", *why_words, "kind/name")->required();
  why->callback([&chosen, why_words] {
    chosen = [why_words](Invocation& invocation) { return Why(invocation, *why_words); };
  });

  const auto owner_words = std::make_shared<std::vector<std::string>>();
  CLI::App* owner = app.add_subcommand("owner", "Who owns an object, and where it is declared");
  owner->add_option("object", *owner_words, "kind/name")->required();
  owner->callback([&chosen, owner_words] {
    chosen = [owner_words](Invocation& invocation) { return OwnerOf(invocation, *owner_words); };
  });

  const auto source = std::make_shared<std::string>();
  CLI::App* drift =
      app.add_subcommand("drift", "What is not as its owner declared; ends with 2 if anything is");
  drift->add_option("--source", *source, "only what this GitSource owns");
  drift->callback([&chosen, source] {
    chosen = [source](Invocation& invocation) { return Drift(invocation, *source); };
  });
}

}  // namespace espalier::cli
