#include "engine/plan/drift.h"

#include <algorithm>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "engine/model/access.h"
#include "engine/model/codec.h"
#include "engine/model/diff.h"
#include "engine/model/hold.h"
#include "engine/model/policy.h"
#include "engine/model/timestamp.h"
#include "engine/model/validate.h"
#include "engine/plan/left_alone.h"
#include "engine/plan/ownership.h"
#include "engine/plan/wording.h"

namespace espalier {
namespace {

using v1::DriftRow;

class Finder {
 public:
  explicit Finder(const DriftInput& input) : input_(input), request_(input.request) {}

  v1::DriftReport Run() {
    for (const v1::Declared& declared : request_.declared()) {
      declared_[RefOf(declared.resource())] = &declared;
    }
    input_.objects.ForEach([this](const Resource& resource) { Visit(resource); });
    FindMissing();
    std::sort(report_.mutable_rows()->begin(), report_.mutable_rows()->end(),
              [](const DriftRow& a, const DriftRow& b) {
                const auto key = [](const DriftRow& row) {
                  return std::make_tuple(static_cast<int>(row.class_()), row.ref().kind(),
                                         row.ref().namespace_(), row.ref().name(), row.subclass(),
                                         row.detail());
                };
                return key(a) < key(b);
              });
    report_.set_revision(input_.objects.revision());
    return std::move(report_);
  }

 private:
  bool InScope(const Ref& ref) const {
    const v1::Scope& scope = request_.scope();
    const auto lists = [](const auto& list, const auto& matches) {
      return list.empty() || std::any_of(list.begin(), list.end(), matches);
    };
    return lists(scope.kinds(),
                 [&](const std::string& kind) { return FindKind(kind) == &InfoOf(ref.kind); }) &&
           (ref.ns.empty() ||
            lists(scope.namespaces(), [&](const std::string& name) { return name == ref.ns; }));
  }

  bool IsAsked(const v1::Owner& owner) const {
    return !request_.has_owner() || SameOwner(request_.owner(), owner);
  }

  void Visit(const Resource& resource) {
    const Ref ref = RefOf(resource);
    if (!InScope(ref)) return;
    const v1::Metadata& metadata = resource.metadata();
    if (resource.has_host()) VisitFoundThings(resource);
    const bool counted = !IsGivenByHand(ref);
    if (!HasOwner(metadata)) {
      // A Host comes with its agent: nobody has to declare it. What this set declares is not
      // without a word, be it that it shall be left alone.
      if (counted && !resource.has_host() && !declared_.contains(ref)) AddOwnerless(resource);
      return;
    }
    if (counted) report_.set_total(report_.total() + 1);
    const auto declared = declared_.find(ref);
    if (declared != declared_.end() && PoliciesFor(resource).managed &&
        !SameOwner(request_.owner(), metadata.owner())) {
      AddConflict(resource, declared->second->source());
      return;
    }
    const v1::Owner::Manager manager = metadata.owner().manager();
    const bool hand_made = manager == v1::Owner::CLI;
    if (counted && hand_made) AddHandMade(resource);
    if (counted && !hand_made) report_.set_managed(report_.managed() + 1);
    if (manager == v1::Owner::CONTROLLER) {
      VisitRuntime(resource);
      return;
    }
    if (!IsAsked(metadata.owner())) return;
    if (metadata.has_edited()) AddChanged(resource);
    VisitRuntime(resource);
  }

  // What is always there, and what says who may declare what: somebody's hand is where such things
  // come from, so there is nothing to take note of.
  static bool IsGivenByHand(const Ref& ref) {
    const KindInfo& info = InfoOf(ref.kind);
    return info.not_from_git ||
           std::find(info.builtin.begin(), info.builtin.end(), ref.name) != info.builtin.end();
  }

  DriftRow& AddRow(DriftRow::Class row_class, const Resource& resource) {
    DriftRow& row = *report_.add_rows();
    row.set_class_(row_class);
    *row.mutable_ref() = ToProto(RefOf(resource));
    *row.mutable_owner() = resource.metadata().owner();
    row.set_source(resource.metadata().owner().source());
    row.set_actor("unknown");
    return row;
  }

  // What the declaration says now, where it is known, else what it said when it was applied.
  ObjectPolicies PoliciesFor(const Resource& resource) const {
    const auto declared = declared_.find(RefOf(resource));
    return PoliciesOf((declared != declared_.end() ? declared->second->resource() : resource)
                          .metadata()
                          .annotations());
  }

  // The rules of the request and those of the source that owns the object.
  const IgnoreBook& RulesFor(const Resource& resource) {
    const v1::Owner& owner = resource.metadata().owner();
    const std::string source = owner.manager() == v1::Owner::GIT ? owner.instance() : "";
    if (const auto known = rules_.find(source); known != rules_.end()) return known->second;
    IgnoreRules rules = request_.ignore();
    const Resource* object = input_.objects.Find(Ref{Kind::kGitSource, "", source});
    if (object != nullptr) {
      const IgnoreRules& own = object->git_source().spec().ignore();
      rules.insert(own.begin(), own.end());
    }
    return rules_.emplace(source, IgnoreBook(rules)).first->second;
  }

  void AddChanged(const Resource& resource) {
    const v1::Edited& edited = resource.metadata().edited();
    Resource declared;
    Problems problems;
    if (const auto node = ParseJson(edited.declared_json(), "", problems)) {
      if (auto decoded = Decode(*node, "", problems)) declared = *std::move(decoded);
    }
    if (declared.body_case() == kNoKind) SetKind(declared, resource.body_case());
    ApplyDefaults(declared);
    // Of another hand's change what is left alone is no drift: no apply would take it back.
    LeaveAlone(resource, PoliciesFor(resource), RulesFor(resource), declared);
    std::vector<FieldChange> changes = Diff(declared, resource);
    if (changes.empty()) return;
    DriftRow& row = AddRow(DriftRow::CHANGED, resource);
    std::string detail;
    for (FieldChange& change : changes) {
      absl::StrAppend(&detail, detail.empty() ? "" : ", ", ChangeText(change));
      *row.add_changes() = std::move(change);
    }
    row.set_detail(detail);
    row.set_actor(edited.actor());
    row.set_interface(absl::StrCat(edited.interface(), " override"));
    row.set_reason(edited.reason());
    *row.mutable_since() = edited.at();
    const bool held = edited.has_hold_until() && TimeOf(edited.hold_until()) > input_.now;
    row.set_next(held ? absl::StrCat("held until ", TimeText(edited.hold_until()))
                      : "the owner's next apply takes it back");
    if (const v1::Hold* hold = StandingHold(resource.metadata(), kSuspendHold, input_.now)) {
      row.set_next(SuspendedText(*hold));
    }
  }

  static std::string ChangeText(const FieldChange& change) {
    absl::string_view path = change.path();
    if (!absl::ConsumePrefix(&path, "spec.")) absl::ConsumePrefix(&path, "metadata.");
    return absl::StrCat(path, " ", change.has_before() ? change.before() : "(unset)", " -> ",
                        change.has_after() ? change.after() : "(unset)");
  }

  // What was lost or moved while nobody touched a spec.
  void VisitRuntime(const Resource& resource) {
    if (resource.has_image()) VisitImage(resource);
    if (resource.has_host() &&
        resource.host().status().liveness().state() == v1::HostLiveness::UNKNOWN) {
      DriftRow& row = AddRow(DriftRow::UNKNOWN, resource);
      row.set_detail("its agent is silent");
      *row.mutable_since() = resource.host().status().liveness().since();
      row.set_next("comes back with its agent");
    }
    if (resource.has_vm()) VisitVm(resource);
  }

  void VisitImage(const Resource& resource) {
    const v1::ImageStatus& status = resource.image().status();
    if (status.moved_to().empty() || status.moved_to() == status.digest()) return;
    DriftRow& row = AddRow(DriftRow::CHANGED, resource);
    row.set_detail(absl::StrCat("the tag moved: ", status.digest().substr(0, 19), " -> ",
                                status.moved_to().substr(0, 19)));
    row.set_interface("registry");
    *row.mutable_since() = status.moved_at();
    row.set_next("VMs keep their digest; declare the new one to roll");
  }

  void VisitVm(const Resource& resource) {
    const v1::VmPlacement& placement = resource.vm().status().placement();
    switch (placement.phase()) {
      case v1::VmPlacement::UNKNOWN: {
        DriftRow& row = AddRow(DriftRow::UNKNOWN, resource);
        row.set_detail(absl::StrCat("host ", placement.host(), " is silent"));
        *row.mutable_since() = placement.since();
        row.set_next("comes back with the host, or runs elsewhere once fenced");
        return;
      }
      case v1::VmPlacement::FAILED: {
        DriftRow& row = AddRow(DriftRow::MISSING, resource);
        row.set_detail(absl::StrCat("failed: ", placement.why()));
        *row.mutable_since() = placement.since();
        row.set_next(absl::StrCat("espalier why ", ToString(RefOf(resource))));
        return;
      }
      default:
        break;
    }
    if (placement.healed_what().empty()) return;
    const bool running = placement.phase() == v1::VmPlacement::RUNNING;
    if (running && TimeOf(placement.healed_at()) + kHealedListed < input_.now) return;
    DriftRow& row = AddRow(DriftRow::MISSING, resource);
    row.set_detail(placement.healed_what());
    if (!placement.host().empty()) row.set_interface(absl::StrCat("host ", placement.host()));
    *row.mutable_since() = placement.healed_at();
    if (running) {
      row.set_next(absl::StrCat("healed: attempt ", placement.attempt(), " runs"));
      *row.mutable_healed_at() = placement.since();
    } else if (placement.host().empty()) {
      row.set_next(absl::StrCat("attempt ", placement.attempt() + 1, " waits for a host"));
    } else {
      row.set_next(absl::StrCat("attempt ", placement.attempt(), " starts"));
    }
  }

  void AddHandMade(const Resource& resource) {
    DriftRow& row = AddRow(DriftRow::UNMANAGED, resource);
    row.set_subclass("hand_made");
    const std::string& source = resource.metadata().owner().source();
    row.set_detail(
        absl::StrCat("made by hand", source.empty() ? "" : absl::StrCat(", declared at ", source)));
    const auto maker = resource.metadata().annotations().find(kCreatedByNote);
    if (maker != resource.metadata().annotations().end()) row.set_actor(maker->second);
    row.set_interface(std::string(ManagerText(resource.metadata().owner().manager())));
    *row.mutable_since() = resource.metadata().created_at();
    row.set_next(
        absl::StrCat("declare it with a transfer, or espalier delete ", ToString(RefOf(resource))));
  }

  void AddOwnerless(const Resource& resource) {
    report_.set_total(report_.total() + 1);
    DriftRow& row = AddRow(DriftRow::UNMANAGED, resource);
    row.set_detail("nobody owns it any more");
    row.set_next(absl::StrCat("declare it, or espalier delete ", ToString(RefOf(resource))));
  }

  void AddConflict(const Resource& resource, const std::string& source) {
    DriftRow& row = AddRow(DriftRow::CONFLICT, resource);
    row.set_detail(absl::StrCat("declared at ", source, " as well as by ",
                                OwnerText(resource.metadata().owner())));
    row.set_next("take it out of one of the two, or transfer it");
  }

  void VisitFoundThings(const Resource& host) {
    const v1::HostObserved& observed = host.host().status().observed();
    std::map<std::string, v1::FoundVm> vms(observed.found_vms().begin(),
                                           observed.found_vms().end());
    for (const auto& [name, vm] : vms) {
      DriftRow& row = AddFound(host, "vm", name);
      row.set_detail(absl::StrCat("a VM that nobody declared runs on ", host.metadata().name()));
      *row.mutable_since() = vm.since();
      row.set_next("end it on the host, or leave it");
    }
    std::map<std::string, v1::FoundImage> images(observed.found_images().begin(),
                                                 observed.found_images().end());
    for (const auto& [name, image] : images) {
      DriftRow& row = AddFound(host, "image", image.reference().empty() ? name : image.reference());
      row.set_detail(
          absl::StrCat("an image that nobody declared lies on ", host.metadata().name()));
      *row.mutable_since() = image.since();
      row.set_next("declare an image_cache for it, or remove it on the host");
    }
  }

  DriftRow& AddFound(const Resource& host, absl::string_view kind, const std::string& name) {
    report_.set_total(report_.total() + 1);
    DriftRow& row = *report_.add_rows();
    row.set_class_(DriftRow::UNMANAGED);
    row.set_subclass("found");
    row.mutable_ref()->set_kind(std::string(kind));
    row.mutable_ref()->set_name(name);
    row.set_actor("unknown");
    row.set_interface(absl::StrCat("host ", host.metadata().name()));
    return row;
  }

  void FindMissing() {
    for (const auto& [ref, declared] : declared_) {
      if (!InScope(ref) || input_.objects.Find(ref) != nullptr) continue;
      if (!PoliciesOf(declared->resource().metadata().annotations()).managed) continue;
      DriftRow& row = AddRow(DriftRow::MISSING, declared->resource());
      row.set_detail("declared, not there");
      *row.mutable_owner() = request_.owner();
      row.set_source(declared->source());
      row.set_next("the owner's next apply makes it again");
      const auto stone = input_.tombstones.find(ref);
      if (stone == input_.tombstones.end()) continue;
      row.set_detail("deleted by another hand");
      row.set_actor(stone->second.edited.actor());
      row.set_interface(absl::StrCat(stone->second.edited.interface(), " override"));
      row.set_reason(stone->second.edited.reason());
      *row.mutable_since() = stone->second.edited.at();
    }
  }

  const DriftInput& input_;
  const v1::DriftRequest& request_;
  std::map<Ref, const v1::Declared*> declared_;
  // By source; "" for what no source owns.
  std::map<std::string, IgnoreBook> rules_;
  v1::DriftReport report_;
};

}  // namespace

v1::DriftReport FindDrift(const DriftInput& input) { return Finder(input).Run(); }

}  // namespace espalier
