#include "reconciler/review/forge_threads.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/check.h"

namespace espalier {
namespace {

LoopOptions OptionsFor(const std::string& source) {
  LoopOptions options;
  options.name = absl::StrCat("forge ", source);
  options.query.add_kinds("git_source");
  options.query.add_names(source);
  options.caller.role = Caller::Role::kReconciler;
  options.caller.subject = "reconciler";
  return options;
}

}  // namespace

struct ForgeThreads::Line {
  Line(ForgeThreads& owner, const std::string& source)
      : worker(
            owner.clock_, owner.io_, owner.log_, owner.metrics_, source,
            absl::StrCat(owner.cache_dir_, "/", source, "/outbox"), owner.make_,
            [this](const Ref& name) { loop.Add(name); },
            [&owner, source] { owner.on_news_(source); }),
        loop(owner.clock_, owner.threads_, owner.random_, owner.log_, owner.resources_, worker,
             OptionsFor(source)) {}

  ForgeWorker worker;
  Loop loop;
};

ForgeThreads::ForgeThreads(Clock& clock, Threads& threads, Random& random, Log& log, Io& io,
                           GitMetrics& metrics, Resources& resources, std::string cache_dir,
                           ForgeWorker::Make make, std::function<void(const std::string&)> on_news)
    : clock_(clock),
      threads_(threads),
      random_(random),
      log_(log),
      io_(io),
      metrics_(metrics),
      resources_(resources),
      cache_dir_(std::move(cache_dir)),
      make_(std::move(make)),
      on_news_(std::move(on_news)) {}

ForgeThreads::~ForgeThreads() { ESPALIER_CHECK(lines_.empty()); }

void ForgeThreads::Follow(const std::string& source) {
  std::unique_ptr<Line>& line = lines_[source];
  if (line != nullptr) return;
  line = std::make_unique<Line>(*this, source);
  line->loop.Start();
}

ForgeWorker* ForgeThreads::Find(const std::string& source) {
  const auto found = lines_.find(source);
  return found == lines_.end() ? nullptr : &found->second->worker;
}

std::int64_t ForgeThreads::Look(const std::string& source) {
  ForgeWorker* worker = Find(source);
  return worker == nullptr ? 0 : worker->Look();
}

void ForgeThreads::LookAt(const std::string& source, std::int64_t number) {
  if (ForgeWorker* worker = Find(source)) worker->LookAt(number);
}

void ForgeThreads::AskWhoBrought(const std::string& source, const std::string& commit) {
  if (ForgeWorker* worker = Find(source)) worker->AskWhoBrought(commit);
}

void ForgeThreads::Post(const std::string& source, const Surface& surface) {
  if (ForgeWorker* worker = Find(source)) worker->Post(surface);
}

void ForgeThreads::Reply(const std::string& source, const GivenCommand& given,
                         const std::string& text) {
  if (ForgeWorker* worker = Find(source)) worker->Reply(given, text);
}

void ForgeThreads::PostNotice(const std::string& source, const Notice& notice) {
  if (ForgeWorker* worker = Find(source)) worker->PostNotice(notice);
}

void ForgeThreads::Propose(const std::string& source, const ProposedChange& change) {
  if (ForgeWorker* worker = Find(source)) worker->Propose(change);
}

std::optional<ForgeNews> ForgeThreads::Take(const std::string& source) {
  ForgeWorker* worker = Find(source);
  return worker == nullptr ? std::nullopt : worker->Take();
}

void ForgeThreads::Leave(const std::string& source) {
  const auto found = lines_.find(source);
  if (found == lines_.end()) return;
  found->second->loop.Stop();
  lines_.erase(found);
}

void ForgeThreads::Stop() {
  for (auto& [source, line] : lines_) line->loop.Stop();
  lines_.clear();
}

}  // namespace espalier
