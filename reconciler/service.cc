#include "reconciler/service.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/check.h"
#include "engine/base/status.h"
#include "engine/loop/loop.h"
#include "reconciler/hook_listener.h"
#include "reconciler/pull_threads.h"
#include "reconciler/reconcile.h"
#include "reconciler/report/report_files.h"
#include "reconciler/webhook.h"

namespace espalier {
namespace {

Ref SourceRef(const std::string& name) { return {Kind::kGitSource, "", name}; }

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
       Resources& resources, ServiceOptions given)
      : options(std::move(given)),
        reports(clock, io, log, options.cache_dir),
        pulls(
            clock, threads,
            [this, &library, &io](const std::string& source) {
              options.fetch.cancellation = &cancellation;
              return std::make_unique<SourcePull>(library, io, FetchInChild(io, options.fetch),
                                                  absl::StrCat(options.cache_dir, "/", source),
                                                  options.secrets_dir, options.env);
            },
            [this](const std::string& source) { loop.Add(SourceRef(source)); }),
        reconciler(clock, random, log, resources, pulls, reports),
        loop(clock, threads, random, log, resources, reconciler, OptionsOfLoop()),
        webhook(
            io, log, options.secrets_dir, options.env,
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
  PullThreads pulls;
  SourceReconciler reconciler;
  Loop loop;
  Webhook webhook;
  std::unique_ptr<HookListener> listener;
};

absl::StatusOr<std::unique_ptr<ReconcilerService>> ReconcilerService::Start(
    const GitLibrary& library, Clock& clock, Threads& threads, Random& random, Log& log, Io& io,
    Resources& resources, ServiceOptions options) {
  if (absl::Status made = io.MakeDirs(options.cache_dir, 0700); !made.ok()) {
    return Annotate(made, "making the cache directory");
  }
  auto impl = std::make_unique<Impl>(library, clock, threads, random, log, io, resources,
                                     std::move(options));
  ESPALIER_ASSIGN_OR_RETURN(
      impl->listener,
      HookListener::Start(clock, threads, impl->options.webhook,
                          [raw = impl.get()](const std::string& source, const HttpHeaders& headers,
                                             absl::string_view body) {
                            return raw->webhook.Answer(source, headers, body);
                          }));
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
  impl_->pulls.Stop();
  impl_->listener.reset();
}

}  // namespace espalier
