// Outbox: what shall stand on the forge about each pull request of one source, and what is known to
// stand there, kept on the disk: a forge that is down for an hour, or a reconciler that is killed,
// costs nothing but time. Only the newest surface of a pull request is kept: what was never posted
// and is outdated never will be. Belongs to one thread.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "engine/base/io.h"
#include "engine/base/log.h"
#include "reconciler/review/surface.h"

namespace espalier {

class Outbox {
 public:
  // Reads what is there; `dir` is made when something is written. A file that cannot be read is put
  // aside and logged: its pull request is found out anew. Borrowed: io and log.
  Outbox(Io& io, Log& log, std::string dir);

  // Whether there was nothing at all when it was made: it is the first, or what stood in it is
  // lost.
  bool began_empty() const { return began_empty_; }

  // The surface that shall stand from now on: what is put last is newest, whatever it says. False:
  // it says what stands in the outbox already, or less: of a commit of which something is known,
  // that it is being read.
  bool Put(const Surface& surface);
  // The answer to the command of a comment. Each is given once.
  void PutReply(std::int64_t number, const std::string& comment, const std::string& text);
  // After posting: what is known to stand there.
  void PutPosted(std::int64_t number, const Posted& posted);
  // Comments up to this time need not be looked at again.
  void PutCommentsUntil(std::int64_t number, std::int64_t micros);

  // Null: nothing is kept about it. Valid until the next call that changes something.
  const OutboxEntry* Find(std::int64_t number) const;
  std::vector<std::int64_t> Numbers() const;
  void Forget(std::int64_t number);

 private:
  std::string PathOf(std::int64_t number) const;
  void Save(std::int64_t number, const OutboxEntry& entry);

  Io& io_;
  Log& log_;
  const std::string dir_;
  bool began_empty_ = false;
  std::map<std::int64_t, OutboxEntry> entries_;
};

// An entry as the bytes of its file, and back. INVALID_ARGUMENT.
std::string EncodeEntry(const OutboxEntry& entry);
absl::StatusOr<OutboxEntry> DecodeEntry(absl::string_view bytes);

}  // namespace espalier
