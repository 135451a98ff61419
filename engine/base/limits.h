// Every bound of the system, with its reason. What exceeds one is refused (ResourceExhausted or a
// Problem); nothing grows without end.
#pragma once

#include <cstddef>
#include <cstdint>

namespace espalier::limits {

// Work posted to one executor and not yet run. Posters are few and wait for answers.
inline constexpr std::size_t kExecutorQueue = 65536;

// One object in its stored form. etcd refuses requests above 1.5 MiB; a set must fit beside it.
inline constexpr std::size_t kObjectBytes = 256 * 1024;
// Operations of one transaction: etcd's default is 128, some are needed for fences.
inline constexpr std::size_t kTransactionOps = 120;
// Objects of a set that are committed atomically on every store.
inline constexpr std::size_t kAtomicObjects = 100;
// Premises of a set about objects that are not in it: with kAtomicObjects they are the conditions
// of one transaction, for which etcd has the limit that it has for operations.
inline constexpr std::size_t kPremises = kTransactionOps - kAtomicObjects;
// Bytes of one transaction.
inline constexpr std::size_t kTransactionBytes = 1024 * 1024;
// Transactions that wait for the disk: its writers are the server's threads, which are fewer.
inline constexpr std::size_t kCommitQueue = 4096;
// Bytes of transactions that share one sync of the disk: more would let the first wait for the
// last.
inline constexpr std::size_t kCommitGroupBytes = 2 * 1024 * 1024;
// Objects of one apply: a repository of this size is still planned in seconds.
inline constexpr std::size_t kApplyObjects = 20000;

// Events kept in memory for resuming watchers, some 40 s of a fleet that makes 20 VMs a second;
// older resume tokens are answered with "too old", and their watcher lists its objects again.
inline constexpr std::size_t kWatchHistory = 4096;
// Their bytes: what superseded values may add to the memory of the daemon.
inline constexpr std::size_t kWatchHistoryBytes = 32 * 1024 * 1024;
// Events waiting for one watcher. A slower one is told "too old" and lists again.
inline constexpr std::size_t kWatcherQueue = 16384;
// Events handed out at once.
inline constexpr std::size_t kWatchBatch = 512;
// Watches through REST at once: each takes a worker thread.
inline constexpr std::size_t kRestWatches = 64;

// Hosts with a session at once, and pulls that one of them reports.
inline constexpr std::size_t kSessions = 20000;
inline constexpr std::size_t kSessionPulls = 256;
// Watches through gRPC at once: two for each host of the largest fleet.
inline constexpr std::size_t kGrpcWatches = 40000;
// Calls that wait for a worker thread of the server. More are told to come again later.
inline constexpr std::size_t kWaitingCalls = 4096;
// Batches of a remote watch that lie unread at the client; the stream waits while they do.
inline constexpr std::size_t kWatchReadAhead = 4;
// Tokens that are not revoked: every host, and people and machines beside them.
inline constexpr std::size_t kTokens = 50000;

// The audit trail. What was done and what was refused are bounded apart, so that nobody can push
// deeds out of it by being refused. All of it is in memory, some 400 bytes an entry; a team's fleet
// takes months to fill it, one that makes a VM a second half a day.
inline constexpr std::size_t kAuditChanges = 50000;
inline constexpr std::size_t kAuditRefusals = 5000;
// What is older goes even when there is room: the trail names people.
inline constexpr std::int64_t kAuditDays = 90;
// One entry: a record of kAtomicObjects of them has to fit into one value of the store.
inline constexpr std::size_t kAuditEntryBytes = 2048;
// Different refusals written down in an hour; each costs a sync of the disk. The same one is
// written down once an hour.
inline constexpr std::size_t kAuditRefusalsPerHour = 1000;

// A page of a list.
inline constexpr std::size_t kPageSize = 500;

// One YAML or JSON file, and the documents and depth in it. Alias bombs are refused with all
// aliases.
inline constexpr std::size_t kDocumentBytes = 1024 * 1024;
inline constexpr std::size_t kDocumentsPerFile = 5000;
inline constexpr std::size_t kDocumentDepth = 32;
// Values in one YAML document: a hundred bytes of memory each, and a list of commas has one a byte.
inline constexpr std::size_t kDocumentNodes = 200000;
// Problems reported for one input: the first ones are what a person reads.
inline constexpr std::size_t kProblems = 1000;
// Objects and bytes loaded from one source.
inline constexpr std::size_t kSourceFiles = 20000;
inline constexpr std::size_t kSourceBytes = 64 * 1024 * 1024;
// What a walk over a source looks at, read or not: a repository may hold more than declarations.
inline constexpr std::size_t kSourceEntries = 50000;
inline constexpr std::size_t kSourceDepth = 32;
// One name, as file systems have it, and a path of them in messages.
inline constexpr std::size_t kSourceNameBytes = 255;
inline constexpr std::size_t kSourcePathBytes = 1024;

// Sources that one reconciler follows: each has a thread and a mirror.
inline constexpr std::size_t kGitSources = 256;
// A bare mirror: what libgit2 maps and caches of it, and the objects of one pack.
inline constexpr std::size_t kGitMapBytes = 256 * 1024 * 1024;
inline constexpr std::size_t kGitCacheBytes = 16 * 1024 * 1024;
inline constexpr std::size_t kGitObjects = 5'000'000;
// What one fetch may bring, use and last. A repository of declarations is small; one that is not is
// refused before it fills the disk.
inline constexpr std::int64_t kFetchBytes = std::int64_t{2} << 30;
inline constexpr std::int64_t kFetchMemoryBytes = std::int64_t{2} << 30;
inline constexpr std::int64_t kFetchCpuSeconds = 120;
// The body of a webhook: forges send up to some hundred kilobytes, of which nothing is used.
inline constexpr std::size_t kWebhookBody = 1024 * 1024;
// Every fetch that brings something adds a pack, and libgit2 never joins them: beyond this the
// mirror is cloned anew.
inline constexpr std::size_t kMirrorPacks = 50;

// One answer of a forge's API: a hundred comments of 65,536 characters, as JSON.
inline constexpr std::size_t kForgeAnswerBytes = 16 * 1024 * 1024;
// Pages that are followed in one list, and entries that it may have: a pull request with more
// comments is somebody's game.
inline constexpr std::size_t kForgePages = 500;
inline constexpr std::size_t kForgeEntries = 20000;
// Pages of lists that are kept to be asked for with If-None-Match, per forge: those of some
// thousand open pull requests, and of the conversations under way.
inline constexpr std::size_t kForgeCachedPages = 256;
// Entries in them together.
inline constexpr std::size_t kForgeCachedEntries = 20000;
// What a forge says in an error, of which a person is told.
inline constexpr std::size_t kForgeErrorBytes = 300;
// Remarks of one check run or review: beyond them nobody reads, and each fifty are one request.
inline constexpr std::size_t kForgeNotes = 500;
// Redirects of one request.
inline constexpr int kForgeRedirects = 3;

// A gRPC message in each direction: a set of kApplyObjects typical objects.
inline constexpr std::size_t kMessageBytes = 64 * 1024 * 1024;
// The body of a REST request.
inline constexpr std::size_t kRestBody = 4 * 1024 * 1024;

// A name: DNS labels are 63 bytes, and names become host and VM names.
inline constexpr std::size_t kNameBytes = 63;
// Labels or annotations of one object, and their parts.
inline constexpr std::size_t kLabels = 64;
inline constexpr std::size_t kLabelBytes = 256;
inline constexpr std::size_t kAnnotationBytes = 4096;

// Integers in specs: what JSON readers keep exact.
inline constexpr std::int64_t kMaxInteger = std::int64_t{1} << 53;

// Headers of an answer to one of our HTTP requests.
inline constexpr std::size_t kHttpHeaderBytes = 256 * 1024;
// HTTP handles kept with their connections: what two parallel pulls of four layers use, and as
// many.
inline constexpr std::size_t kIdleHttpHandles = 16;

// An OCI manifest; the registries' own limit.
inline constexpr std::size_t kManifestBytes = 4 * 1024 * 1024;
// Layers of an image, or images of an index: 8192 layers of 512 MiB are 4 TiB.
inline constexpr std::size_t kManifestEntries = 8192;
// The disk of an image, and one piece of it: what its pusher says is not believed above this.
inline constexpr std::int64_t kDiskBytes = std::int64_t{16} << 40;
inline constexpr std::int64_t kDiskPieceBytes = std::int64_t{4} << 30;
// A kernel, an initrd, the firmware's variables.
inline constexpr std::int64_t kImageFileBytes = std::int64_t{1} << 30;
// One block of a compressed piece: it is held in memory, once per layer that is fetched.
inline constexpr std::size_t kLz4BlockBytes = 16 * 1024 * 1024;
// Tokens of registries that are kept: one per repository in use.
inline constexpr std::size_t kRegistryTokens = 4096;
// Tags or repositories that a listing returns.
inline constexpr std::size_t kRegistryNames = 20000;
// An answer of a registry that is read into memory and is no manifest (tokens, tag lists).
inline constexpr std::size_t kRegistryAnswerBytes = 4 * 1024 * 1024;

// A secret: a password, a token, a PEM key.
inline constexpr std::size_t kSecretBytes = 64 * 1024;

// A file read whole into memory (configuration, tokens, keys).
inline constexpr std::size_t kFileBytes = 16 * 1024 * 1024;
// Output kept of a child process.
inline constexpr std::size_t kProcessOutput = 1024 * 1024;

}  // namespace espalier::limits
