// ForgeThreads: a loop with a thread for each source that has a forge.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "engine/api/resources.h"
#include "engine/base/clock.h"
#include "engine/base/executor.h"
#include "engine/base/io.h"
#include "engine/base/log.h"
#include "engine/base/random.h"
#include "engine/loop/loop.h"
#include "reconciler/review/forge_worker.h"
#include "reconciler/review/forges.h"

namespace espalier {

class ForgeThreads final : public Forges {
 public:
  // Outboxes are `<cache_dir>/<source>/outbox`. `on_news` is called on the forges' threads with the
  // source's name. Borrowed: clock to resources.
  ForgeThreads(Clock& clock, Threads& threads, Random& random, Log& log, Io& io,
               GitMetrics& metrics, Resources& resources, std::string cache_dir,
               ForgeWorker::Make make, std::function<void(const std::string&)> on_news);
  // REQUIRES: Stop() was called.
  ~ForgeThreads() override;

  void Follow(const std::string& source) override;
  std::int64_t Look(const std::string& source) override;
  void LookAt(const std::string& source, std::int64_t number) override;
  void AskWhoBrought(const std::string& source, const std::string& commit) override;
  void Post(const std::string& source, const Surface& surface) override;
  void Reply(const std::string& source, const GivenCommand& given,
             const std::string& text) override;
  void PostNotice(const std::string& source, const Notice& notice) override;
  void Propose(const std::string& source, const ProposedChange& change) override;
  std::optional<ForgeNews> Take(const std::string& source) override;
  void Leave(const std::string& source) override;

  // Ends the calls under way within their timeouts, and joins. When the loop's thread has ended.
  void Stop();

 private:
  struct Line;

  ForgeWorker* Find(const std::string& source);

  Clock& clock_;
  Threads& threads_;
  Random& random_;
  Log& log_;
  Io& io_;
  GitMetrics& metrics_;
  Resources& resources_;
  const std::string cache_dir_;
  const ForgeWorker::Make make_;
  const std::function<void(const std::string&)> on_news_;
  // The loop's thread.
  std::map<std::string, std::unique_ptr<Line>> lines_;
};

}  // namespace espalier
