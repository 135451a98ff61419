#include "reconciler/service.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "engine/base/check.h"
#include "engine/base/status.h"
#include "engine/loop/loop.h"
#include "reconciler/hook_listener.h"
#include "reconciler/read_threads.h"
#include "reconciler/reconcile.h"
#include "reconciler/report/report_files.h"
#include "reconciler/review/forge_threads.h"
#include "reconciler/webhook.h"

namespace espalier {
namespace {

Ref SourceRef(const std::string& name) { return {Kind::kGitSource, "", name}; }

// Bytes and number of a mirror's packs.
void MeasureMirror(Io& io, const std::string& mirror, GitMetrics& metrics,
                   const std::string& source) {
  const std::string dir = absl::StrCat(mirror, "/objects/pack");
  std::int64_t bytes = 0;
  std::int64_t packs = 0;
  for (const std::string& name : io.List(dir).value_or(std::vector<std::string>())) {
    if (!absl::EndsWith(name, ".pack")) continue;
    const absl::StatusOr<FileInfo> info = io.Stat(absl::StrCat(dir, "/", name));
    if (info.ok()) bytes += info->size_bytes;
    ++packs;
  }
  metrics.MirrorIs(source, bytes, packs);
}

// `fetch`, and what it took and brought.
Fetch Measured(const Fetch& fetch, Clock& clock, Io& io, GitMetrics& metrics,
               const std::string& source) {
  return [=, &clock, &io, &metrics](const FetchRequest& request) {
    const absl::Duration began = clock.Elapsed();
    absl::StatusOr<FetchAnswer> answer = fetch(request);
    metrics.Fetched(source, answer.ok(), clock.Elapsed() - began);
    if (answer.ok()) MeasureMirror(io, request.mirror, metrics, source);
    return answer;
  };
}

LoopOptions OptionsOfLoop() {
  LoopOptions options;
  options.name = "git";
  // Everything: whatever changes may stand in a source's drift report.
  options.caller.role = Caller::Role::kReconciler;
  options.caller.subject = "reconciler";
  return options;
}

}  // namespace

struct ReconcilerService::Impl {
  Impl(const GitLibrary& library, Clock& clock, Threads& threads, Random& random, Log& log, Io& io,
       GitMetrics& metrics, Resources& resources, ServiceOptions given)
      : options(std::move(given)),
        reports(clock, io, log, options.cache_dir),
        plans(io, log, options.cache_dir),
        reads(clock, threads,
              [this, &library, &clock, &io, &metrics](const std::string& source) {
                options.fetch.cancellation = &cancellation;
                return std::make_unique<SourceReader>(
                    library, io,
                    Measured(FetchInChild(io, options.fetch), clock, io, metrics, source),
                    absl::StrCat(options.cache_dir, "/", source), options.secrets_dir, options.env,
                    options.reveal, options.app_password);
              },
              {.read = [this](const std::string& source) { loop.Add(SourceRef(source)); },
               .proposal = [this](const std::string& source,
                                  std::int64_t) { loop.Add(SourceRef(source)); },
               .history = [this](const std::string& source) { loop.Add(SourceRef(source)); },
               .patch = [this](const std::string& source) { loop.Add(SourceRef(source)); }}),
        forges(clock, threads, random, log, io, metrics, resources, options.cache_dir,
               options.make_forge,
               [this](const std::string& source) { loop.Add(SourceRef(source)); }),
        reconciler(clock, random, log, resources, reads, forges, reports, plans, metrics),
        loop(clock, threads, random, log, resources, reconciler, OptionsOfLoop()),
        webhook(
            clock, io, log, options.secrets_dir, options.env, options.reveal,
            [this](const std::string& source) { return FindSource(source); },
            [this](const std::string& source) {
              reconciler.LookNow(source);
              loop.Add(SourceRef(source));
            }) {}

  std::optional<v1::GitSourceSpec> FindSource(const std::string& source) {
    const std::shared_ptr<const Snapshot> now = loop.snapshot();
    const Resource* found = now->Find(SourceRef(source));
    if (found == nullptr) return std::nullopt;
    return found->git_source().spec();
  }

  ServiceOptions options;
  Cancellation cancellation;
  ReportFiles reports;
  ShownPlans plans;
  ReadThreads reads;
  ForgeThreads forges;
  SourceReconciler reconciler;
  Loop loop;
  Webhook webhook;
  std::unique_ptr<HookListener> listener;
};

absl::StatusOr<std::unique_ptr<ReconcilerService>> ReconcilerService::Start(
    const GitLibrary& library, Clock& clock, Threads& threads, Random& random, Log& log, Io& io,
    GitMetrics& metrics, Resources& resources, ServiceOptions options) {
  if (absl::Status made = io.MakeDirs(options.cache_dir, 0700); !made.ok()) {
    return Annotate(made, "making the cache directory");
  }
  auto impl = std::make_unique<Impl>(library, clock, threads, random, log, io, metrics, resources,
                                     std::move(options));
  ESPALIER_ASSIGN_OR_RETURN(
      impl->listener,
      HookListener::Start(
          clock, threads, {.address = impl->options.webhook},
          [raw = impl.get()](const std::string& source, const HttpHeaders& headers,
                             absl::string_view body) {
            return raw->webhook.Answer(source, headers, body);
          },
          [raw = impl.get()](const std::string& source, const std::string& digest, bool as_json) {
            return raw->plans.Read(source, digest, as_json);
          },
          [&metrics] { return metrics.Text(); }));
  impl->loop.Start();
  return std::unique_ptr<ReconcilerService>(new ReconcilerService(std::move(impl)));
}

ReconcilerService::ReconcilerService(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

ReconcilerService::~ReconcilerService() { ESPALIER_CHECK(impl_->listener == nullptr); }

const Address& ReconcilerService::webhook_address() const { return impl_->listener->address(); }

void ReconcilerService::Stop() {
  impl_->listener->Stop();
  impl_->cancellation.Cancel();
  impl_->loop.Stop();
  impl_->forges.Stop();
  impl_->reads.Stop();
  impl_->listener.reset();
}

}  // namespace espalier
