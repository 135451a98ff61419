// Bounds of fetching, and of reading pull requests and signatures out of git, with their reasons;
// see engine/base/limits.h.
#pragma once

#include <cstddef>

namespace espalier::limits {

// What a repository may say that it has, in bytes: 50,000 refs are a tenth of this.
inline constexpr std::size_t kAdvertisementBytes = 32 * 1024 * 1024;
// Heads of pull requests that are kept of it: forges name closed ones for ever, and the fetching
// child's answer must stay below kProcessOutput.
inline constexpr std::size_t kPullHeads = 10000;
// What is asked of a repository at once: our commits and those wanted, 50 bytes each.
inline constexpr std::size_t kGitRequestBytes = 16 * 1024 * 1024;
// A merge that is tried in memory: entries of each side's tree (read whole, whatever is changed),
// contents that are compared or merged (documents are smaller), and conflicts that are told.
inline constexpr std::size_t kMergeEntries = 200000;
inline constexpr std::size_t kMergeBlobBytes = 4 * 1024 * 1024;
inline constexpr std::size_t kMergeConflicts = 100;
// Proposals of one source that wait to be read: forges list as many open pull requests.
inline constexpr std::size_t kProposalReads = 1000;
// Proposals that were read and not yet taken: each may hold a set as large as the source.
inline constexpr std::size_t kProposalResults = 4;
// Parsed files that are kept for the open pull requests of one source, beside the source's own.
inline constexpr std::size_t kProposalFiles = 20000;
// What one question about the history asks.
inline constexpr std::size_t kHistoryQuestions = 1000;
// Commits whose signatures are checked at once: beyond this somebody has to say from where on they
// count. A signature of a commit, and what it signs: the commit's own bytes.
inline constexpr std::size_t kSignedCommits = 10000;
inline constexpr std::size_t kSignatureBytes = 16 * 1024;
inline constexpr std::size_t kCommitBytes = 1024 * 1024;

}  // namespace espalier::limits
