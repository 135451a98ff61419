// Reads: how loops have sources and the pull requests into them fetched and loaded without waiting
// for it. What is asked about one source is done one after the other, its own ref first.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "reconciler/patch.h"
#include "reconciler/proposal.h"
#include "reconciler/source_reader.h"

namespace espalier {

class Reads {
 public:
  virtual ~Reads() = default;

  // The tracked ref. These three belong to the thread of the loop over sources.

  // Begins a read, whose end is told by waking the loop for the source. RESOURCE_EXHAUSTED above
  // limits::kGitSources, UNAVAILABLE while a forgotten source of this name is still ending.
  // REQUIRES: none is under way for the source, and the last result was taken.
  virtual absl::Status Start(const std::string& source, ReadRequest request) = 0;
  // The result of the last read, once; nothing while there is none.
  virtual std::optional<ReadResult> Take(const std::string& source) = 0;
  // The source is gone: what is under way for it is dropped, and its files are removed.
  virtual void Forget(const std::string& source) = 0;

  // Proposals and questions about the history. Thread-safe. They need a source whose tracked ref
  // was read: UNAVAILABLE before, and after Forget.

  // Begins to read a proposal, in place of one of the same number that still waits. Its end is
  // told. RESOURCE_EXHAUSTED above limits::kProposalReads.
  virtual absl::Status StartProposal(const std::string& source, ProposalRequest request) = 0;
  // The result of the last read of this proposal, once; nothing while there is none.
  virtual std::optional<ProposalResult> TakeProposal(const std::string& source,
                                                     std::int64_t number) = 0;
  // The pull request is closed: what is under way for it is dropped, and its head is forgotten.
  virtual void DropProposal(const std::string& source, std::int64_t number) = 0;

  // Begins to look, in place of a question that still waits. Its end is told.
  virtual absl::Status StartHistory(const std::string& source, HistoryRequest request) = 0;
  // The last answer, once; nothing while there is none.
  virtual std::optional<HistoryResult> TakeHistory(const std::string& source) = 0;

  // Begins to look whether the branch is still where it was, and to patch its files; in place of a
  // patch that still waits. Its end is told.
  virtual absl::Status StartPatch(const std::string& source, PatchRequest request) = 0;
  // The last patch, once; nothing while there is none.
  virtual std::optional<PatchResult> TakePatch(const std::string& source) = 0;
};

}  // namespace espalier
