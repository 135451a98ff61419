#include "engine/server/local_resources.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "engine/base/check.h"
#include "engine/base/limits.h"
#include "engine/base/status.h"
#include "engine/base/telemetry.h"
#include "engine/model/access.h"
#include "engine/model/ref.h"
#include "engine/model/timestamp.h"
#include "engine/model/validate.h"
#include "engine/plan/drift.h"
#include "engine/plan/drift_authors.h"
#include "engine/server/stored_bytes.h"

namespace espalier {
namespace {

// The revision is the store's; it is not part of the stored bytes.
absl::StatusOr<ObjectPtr> DecodeObject(const std::string& key, const std::string& bytes,
                                       std::int64_t revision) {
  auto object = std::make_shared<Resource>();
  if (!object->ParseFromString(bytes) || object->body_case() == kNoKind) {
    return absl::DataLossError(absl::StrCat("object \"", key, "\" cannot be read"));
  }
  object->mutable_metadata()->set_revision(revision);
  return object;
}

// The keys of all objects that can match, if the query names them; none if it does not.
std::set<std::string> KeysOf(const Query& query) {
  std::set<std::string> keys;
  const KindInfo* info = query.kinds_size() == 1 ? FindKind(query.kinds(0)) : nullptr;
  if (info == nullptr || (info->namespaced && query.namespace_().empty())) return keys;
  for (const std::string& name : query.names()) {
    keys.insert(KeyOf(Ref{info->kind, info->namespaced ? query.namespace_() : "", name}));
  }
  return keys;
}

}  // namespace

absl::StatusOr<std::unique_ptr<LocalResources>> LocalResources::Open(Clock& clock, Random& random,
                                                                     Log& log, Store& store,
                                                                     Options options) {
  std::unique_ptr<LocalResources> resources(
      new LocalResources(clock, random, log, store, std::move(options)));
  ESPALIER_RETURN_IF_ERROR(resources->Load());
  return resources;
}

LocalResources::LocalResources(Clock& clock, Random& random, Log& log, Store& store,
                               Options options)
    : clock_(clock),
      random_(random),
      log_(log),
      store_(store),
      options_(std::move(options)),
      previews_(clock),
      records_(store),
      audit_(clock, log, store),
      hub_(clock, store.epoch()) {}

LocalResources::~LocalResources() = default;

absl::Status LocalResources::Load() {
  const std::int64_t revision =
      store_.Observe([this](absl::Span<const StoreEvent> events) { OnCommit(events); });
  ESPALIER_ASSIGN_OR_RETURN(const RangeResult range,
                            store_.Range(kObjectPrefix, kObjectPrefixEnd, 0));
  for (const KeyValue& item : range.items) {
    ESPALIER_ASSIGN_OR_RETURN(ObjectPtr object,
                              DecodeObject(item.key, item.value, item.mod_revision));
    latest_.Put(item.key, std::move(object));
  }
  latest_.set_revision(revision);
  hub_.Start(latest_);
  ESPALIER_RETURN_IF_ERROR(audit_.Load());

  // Builtin objects are always there; whoever declares one adopts it.
  for (const KindInfo& info : AllKinds()) {
    for (const std::string& name : info.builtin) {
      const std::string key = KeyOf(Ref{info.kind, "", name});
      if (latest_.Get(key) != nullptr) continue;
      Resource object;
      SetKind(object, info.kind);
      object.mutable_metadata()->set_name(name);
      object.mutable_metadata()->set_uid(random_.Uid());
      object.mutable_metadata()->set_generation(1);
      SetTime(clock_.Now(), *object.mutable_metadata()->mutable_created_at());
      ApplyDefaults(object);
      Transaction transaction;
      transaction.compares.push_back(Compare{.key = key, .mod_revision = 0});
      transaction.ops.push_back(
          StoreOp{.type = StoreOp::Type::kPut, .key = key, .value = StoredBytes(object)});
      ESPALIER_RETURN_IF_ERROR(store_.Commit(transaction).status());
    }
  }
  return absl::OkStatus();
}

void LocalResources::OnCommit(absl::Span<const StoreEvent> events) {
  std::vector<Change> changes;
  std::int64_t revision = latest_.revision();
  for (const StoreEvent& event : events) {
    revision = event.revision;
    if (IsAuditKey(event.key)) audit_.OnCommit(event);
    if (!absl::StartsWith(event.key, kObjectPrefix)) continue;
    Change change{.revision = event.revision, .before = latest_.Get(event.key), .after = nullptr};
    if (event.type == StoreOp::Type::kPut) {
      absl::StatusOr<ObjectPtr> object = DecodeObject(event.key, event.value, event.revision);
      // These bytes were encoded by this process a moment ago.
      ESPALIER_CHECK(object.ok());
      change.after = *std::move(object);
      latest_.Put(event.key, change.after);
    } else {
      latest_.Erase(event.key);
      if (change.before == nullptr) continue;
      // The last state carries the revision of its end, so that no reader takes it for an older
      // one.
      auto last = std::make_shared<Resource>(*change.before);
      last->mutable_metadata()->set_revision(event.revision);
      change.before = std::move(last);
    }
    changes.push_back(std::move(change));
  }
  latest_.set_revision(revision);
  hub_.Publish(latest_, std::move(changes));
}

absl::Status LocalResources::Sweep() {
  ESPALIER_RETURN_IF_ERROR(records_.Sweep(clock_.Now()));
  return audit_.Sweep();
}

absl::StatusOr<Resource> LocalResources::Get(const CallContext& context, const Ref& ref) {
  const ObjectPtr object = hub_.Snapshot().Get(KeyOf(ref));
  if (object == nullptr) return absl::NotFoundError(absl::StrCat(ToHuman(ref), " does not exist"));
  return *object;
}

absl::StatusOr<ListPage> LocalResources::List(const CallContext& context, const Query& query) {
  std::vector<Resource> items;
  ESPALIER_ASSIGN_OR_RETURN(ListPage page, VisitPage(context, query, [&](const Resource& object) {
                              items.push_back(object);
                            }));
  for (Resource& item : items) *page.add_items() = std::move(item);
  return page;
}

absl::StatusOr<ListPage> LocalResources::VisitPage(const CallContext& context, const Query& query,
                                                   absl::FunctionRef<void(const Resource&)> visit) {
  const ObjectMap objects = hub_.Snapshot();
  const std::size_t wanted = query.page_size() == 0
                                 ? limits::kPageSize
                                 : std::min<std::size_t>(query.page_size(), limits::kPageSize);
  std::size_t visited = 0;
  ListPage page;
  page.set_revision(objects.revision());
  page.set_resume(hub_.TokenFor(objects.revision()));
  // A list of one kind starts and ends with its keys, whatever else there is.
  std::string begin(kObjectPrefix);
  std::string prefix = begin;
  if (query.kinds_size() == 1) {
    const KindInfo* info = FindKind(query.kinds(0));
    if (info == nullptr) {
      return absl::InvalidArgumentError(absl::StrCat("there is no kind ", query.kinds(0)));
    }
    prefix = begin = absl::StrCat(kObjectPrefix, info->name, "/");
  }
  if (!query.page().empty()) begin = std::max(begin, query.page());
  const auto offer = [&](const std::string& key, const ObjectPtr& object) {
    if (!absl::StartsWith(key, prefix)) return false;
    if (!Matches(query, *object)) return true;
    if (visited == wanted) {
      page.set_next_page(key);
      return false;
    }
    ++visited;
    visit(*object);
    return true;
  };
  const std::set<std::string> keys = KeysOf(query);
  if (keys.empty()) {
    objects.ForEachFrom(begin, offer);
    return page;
  }
  for (auto key = keys.lower_bound(begin); key != keys.end(); ++key) {
    const ObjectPtr object = objects.Get(*key);
    if (object != nullptr && !offer(*key, object)) break;
  }
  return page;
}

absl::StatusOr<std::unique_ptr<Watch>> LocalResources::StartWatch(const CallContext& context,
                                                                  const Query& query,
                                                                  const std::string& resume) {
  for (const std::string& kind : query.kinds()) {
    if (FindKind(kind) == nullptr) {
      return absl::InvalidArgumentError(absl::StrCat("there is no kind ", kind));
    }
  }
  return hub_.StartWatch(query, resume, context.cancellation);
}

absl::StatusOr<DriftReport> LocalResources::Drift(const CallContext& context,
                                                  const DriftRequest& request) {
  const ObjectMap objects = hub_.Snapshot();
  DriftRequest normalised = request;
  for (Declared& declared : *normalised.mutable_declared()) {
    ApplyDefaults(*declared.mutable_resource());
  }
  DriftReport report = FindDrift(DriftInput{.objects = objects,
                                            .request = normalised,
                                            .now = clock_.Now(),
                                            .tombstones = records_.Tombstones()});
  const AuthorsWanted wanted = AuthorsWantedFor(report);
  NameAuthors({.claims = audit_.LastOfEach(wanted.claims, {v1::Action::CREATE, v1::Action::ADOPT}),
               .releases = audit_.LastOfEach(wanted.releases, {v1::Action::RELEASE}),
               .deletions = audit_.LastOfEach(wanted.deletions, {v1::Action::DELETE})},
              report);
  return report;
}

}  // namespace espalier
