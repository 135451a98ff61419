#include "engine/plan/quota.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "engine/model/access.h"

namespace espalier {
namespace {

// What is limited, in this order.
constexpr std::size_t kLimited = 3;
using Amounts = std::array<std::int64_t, kLimited>;

struct Limited {
  const char* what;
  // Where a Vm says how much; a pool says it by its size.
  const char* path;
};
constexpr Limited kWords[kLimited] = {
    {"macOS slots", "spec.image"}, {"cpu", "spec.cpu"}, {"MiB of memory", "spec.memory_mib"}};

void Add(const Amounts& more, Amounts& amounts) {
  for (std::size_t i = 0; i < kLimited; ++i) amounts[i] += more[i];
}

Amounts Less(const Amounts& a, const Amounts& b) {
  Amounts less;
  for (std::size_t i = 0; i < kLimited; ++i) less[i] = a[i] - b[i];
  return less;
}

// The Quota of a namespace; null if it has none.
const v1::Quota* QuotaOf(const Resource* ns) {
  return ns != nullptr && ns->namespace_().spec().has_quota() ? &ns->namespace_().spec().quota()
                                                              : nullptr;
}

// Negative: no limit.
Amounts LimitsOf(const v1::Quota& quota) {
  return {quota.has_macos_slots() ? quota.macos_slots() : std::int64_t{-1},
          quota.has_cpu() ? quota.cpu() : std::int64_t{-1},
          quota.has_memory_mib() ? quota.memory_mib() : std::int64_t{-1}};
}

bool IsCounted(const Resource& object) {
  return (object.has_vm() || object.has_vm_pool()) && !object.metadata().has_deleting_since() &&
         object.metadata().owner().manager() != v1::Owner::CONTROLLER;
}

const v1::VmSpec& VmOf(const Resource& object) {
  return object.has_vm() ? object.vm().spec() : object.vm_pool().spec().template_();
}

const Resource* After(const PlannedWrite& write) {
  return write.after.has_value() ? &*write.after : nullptr;
}

// What changes in one namespace.
struct Change {
  const Resource* object;
  Amounts more;
};

class Counter {
 public:
  Counter(const Objects& objects, const std::vector<PlannedWrite>& writes,
          const EarlierObjects& earlier)
      : objects_(objects), writes_(writes), earlier_(earlier) {
    for (const PlannedWrite& write : writes) {
      if (write.ref.kind == Kind::kNamespace) namespaces_[write.ref.name] = &write;
    }
  }

  void Check(Problems& problems) {
    std::map<std::string, std::vector<Change>> changes;
    for (const PlannedWrite& write : writes_) {
      // Few namespaces have a quota, and counting looks at all VMs of one.
      if (QuotaIn(write.ref.ns) == nullptr) continue;
      planned_.insert(write.ref);
      const Resource* after = After(write);
      const Amounts more = Less(AmountsOf(after), AmountsOf(objects_.Find(write.ref)));
      if (more != Amounts{}) changes[write.ref.ns].push_back({after, more});
    }
    for (const auto& [name, write] : namespaces_) {
      if (write->spec_changed && After(*write) != nullptr) CheckShrunk(*After(*write), problems);
    }
    for (const auto& [ns, of_it] : changes) CheckOne(ns, of_it, problems);
  }

 private:
  // The system of what a VM or pool runs, as far as anybody knows: its own run, the Image that it
  // names, or another VM of the namespace that runs the same. Empty: nobody does.
  std::string SystemOf(const Resource& object) {
    const std::string& placed = object.vm().status().placement().image_os();
    if (!placed.empty()) return placed;
    for (const Reference& reference : ReferencesOf(object)) {
      if (reference.target.kind != Kind::kImage) continue;
      const Resource* image = objects_.Find(reference.target);
      return image == nullptr ? "" : image->image().status().os();
    }
    const std::string ns = RefOf(object).ns;
    const auto [systems, is_new] = systems_.try_emplace(ns);
    if (is_new) {
      objects_.ForEachIn(Kind::kVm, ns, [&](const Resource& vm) {
        const std::string& os = vm.vm().status().placement().image_os();
        if (!os.empty()) systems->second[vm.vm().spec().image()] = os;
      });
    }
    const auto known = systems->second.find(VmOf(object).image());
    return known == systems->second.end() ? "" : known->second;
  }

  Amounts AmountsOf(const Resource* object) {
    if (object == nullptr || !IsCounted(*object)) return {};
    const v1::VmSpec& spec = VmOf(*object);
    const std::int64_t count = object->has_vm() ? 1 : object->vm_pool().spec().replicas();
    const std::string system = SystemOf(*object);
    const bool may_be_macos = system.empty() || system == "darwin";
    return {may_be_macos ? count : 0, count * spec.cpu(), count * spec.memory_mib()};
  }

  // Null if it has none, or if there is no such namespace, as that of what is in none.
  const v1::Quota* QuotaIn(const std::string& ns) {
    const auto [quota, is_new] = quotas_.try_emplace(ns, nullptr);
    if (is_new && !ns.empty()) {
      const auto planned = namespaces_.find(ns);
      quota->second =
          QuotaOf(planned != namespaces_.end() ? After(*planned->second)
                                               : objects_.Find(Ref{Kind::kNamespace, "", ns}));
    }
    return quota->second;
  }

  // What is declared there without the writes.
  Amounts Standing(const std::string& ns) {
    Amounts sum = {};
    for (const Kind kind : {Kind::kVm, Kind::kVmPool}) {
      objects_.ForEachIn(kind, ns, [&](const Resource& object) { Add(AmountsOf(&object), sum); });
    }
    for (const auto& object : earlier_) {
      const Ref ref = RefOf(*object);
      if (ref.ns != ns || planned_.contains(ref)) continue;
      const Amounts more = Less(AmountsOf(object.get()), AmountsOf(objects_.Find(ref)));
      for (std::size_t i = 0; i < kLimited; ++i) sum[i] += std::max<std::int64_t>(more[i], 0);
    }
    return sum;
  }

  void CheckOne(const std::string& ns, const std::vector<Change>& changes, Problems& problems) {
    const Amounts limits = LimitsOf(*QuotaIn(ns));
    const Amounts before = Standing(ns);
    Amounts after = before;
    for (const Change& change : changes) Add(change.more, after);
    for (std::size_t i = 0; i < kLimited; ++i) {
      if (limits[i] < 0 || after[i] <= limits[i] || after[i] <= before[i]) continue;
      const Resource& object = *FirstAbove(changes, i, before[i], limits[i]);
      Problem& problem = problems.Error(
          "quota_exceeded", object.has_vm() ? kWords[i].path : "spec.replicas",
          absl::StrCat("namespace ", ns, " has a quota of ", limits[i], " ", kWords[i].what, "; ",
                       before[i], " are declared, and this makes it ", after[i]));
      *problem.mutable_ref() = ToProto(RefOf(object));
    }
  }

  // The first in order that does not fit any more once all that gives something back has done so.
  static const Resource* FirstAbove(const std::vector<Change>& changes, std::size_t i,
                                    std::int64_t sum, std::int64_t limit) {
    for (const Change& change : changes) sum += std::min<std::int64_t>(change.more[i], 0);
    for (const Change& change : changes) {
      if (change.more[i] <= 0) continue;
      sum += change.more[i];
      if (sum > limit) return change.object;
    }
    return nullptr;  // The sum of all was above it.
  }

  void CheckShrunk(const Resource& ns, Problems& problems) {
    const std::string& name = ns.metadata().name();
    if (QuotaIn(name) == nullptr) return;
    const Amounts limits = LimitsOf(*QuotaIn(name));
    const Amounts declared = Standing(name);
    for (std::size_t i = 0; i < kLimited; ++i) {
      if (limits[i] < 0 || declared[i] <= limits[i]) continue;
      Problem& problem = problems.Warning(
          "quota_exceeded", "spec.quota",
          absl::StrCat(declared[i], " ", kWords[i].what, " are declared already, more than ",
                       limits[i], ": they stay, and nothing is added to them"));
      *problem.mutable_ref() = ToProto(RefOf(ns));
    }
  }

  const Objects& objects_;
  const std::vector<PlannedWrite>& writes_;
  const EarlierObjects& earlier_;
  // Of the writes: the Namespaces by name, and what is in those that have a quota.
  std::map<std::string, const PlannedWrite*> namespaces_;
  std::set<Ref> planned_;
  std::map<std::string, const v1::Quota*> quotas_;
  // Of images that VMs run, by namespace.
  std::map<std::string, std::map<std::string, std::string>> systems_;
};

}  // namespace

void CheckQuotas(const Objects& objects, const std::vector<PlannedWrite>& writes,
                 const EarlierObjects& earlier, Problems& problems) {
  Counter(objects, writes, earlier).Check(problems);
}

bool CountsAgainstQuota(const Objects& objects, const v1::ApplyRequest& request) {
  std::set<std::string> limited;
  for (const v1::Declared& declared : request.objects()) {
    const Resource& object = declared.resource();
    if (object.has_namespace_() && object.namespace_().spec().has_quota()) {
      limited.insert(object.metadata().name());
    }
  }
  return std::any_of(request.objects().begin(), request.objects().end(),
                     [&](const v1::Declared& declared) {
                       const Resource& object = declared.resource();
                       if (!object.has_vm() && !object.has_vm_pool()) return false;
                       const std::string ns = RefOf(object).ns;
                       return limited.contains(ns) ||
                              QuotaOf(objects.Find(Ref{Kind::kNamespace, "", ns})) != nullptr;
                     });
}

}  // namespace espalier
