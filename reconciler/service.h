// ReconcilerService: all of the reconciler but the process: the loop over sources, the threads that
// read, the listener for webhooks. main makes one; tests make one over a local engine.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/api/resources.h"
#include "engine/base/address.h"
#include "engine/base/call_context.h"
#include "engine/base/clock.h"
#include "engine/base/executor.h"
#include "engine/base/io.h"
#include "engine/base/log.h"
#include "engine/base/random.h"
#include "engine/model/secret.h"
#include "reconciler/git/fetch_child.h"
#include "reconciler/git/git_library.h"
#include "reconciler/git_metrics.h"
#include "reconciler/review/forge_worker.h"
#include "reconciler/source_reader.h"

namespace espalier {

struct ServiceOptions {
  // Everything that the reconciler keeps; it can be removed at any time while it does not run.
  std::string cache_dir;
  std::string secrets_dir;
  Environment env;
  // The way to the secrets that the engine keeps.
  Reveal reveal;
  // Where webhooks are taken.
  Address webhook;
  FetchChildOptions fetch;
  // By which GitHub Apps fetch repositories; may be null.
  SourceReader::AppPassword app_password;
  // Makes the forge of a source's spec.
  ForgeWorker::Make make_forge;
};

class ReconcilerService {
 public:
  // Listens, then begins to work. All but the options borrowed. Errors are those of the listener
  // and of the cache directory.
  static absl::StatusOr<std::unique_ptr<ReconcilerService>> Start(
      const GitLibrary& library, Clock& clock, Threads& threads, Random& random, Log& log, Io& io,
      GitMetrics& metrics, Resources& resources, ServiceOptions options);
  // REQUIRES: Stop() was called.
  ~ReconcilerService();

  const Address& webhook_address() const;

  // Takes no more webhooks, ends the step under way, kills fetches, and joins everything. Once.
  void Stop();

 private:
  struct Impl;
  explicit ReconcilerService(std::unique_ptr<Impl> impl);
  const std::unique_ptr<Impl> impl_;
};

}  // namespace espalier
