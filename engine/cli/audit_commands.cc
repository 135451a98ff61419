// audit: who changed what, and who was refused.
#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "engine/base/limits.h"
#include "engine/base/status.h"
#include "engine/cli/commands.h"
#include "engine/cli/document.h"
#include "engine/model/duration_text.h"
#include "engine/model/encode.h"
#include "engine/render/render.h"

namespace espalier::cli {
namespace {

struct AuditFlags {
  std::vector<std::string> words;
  std::string by;
  std::string since;
  std::uint32_t limit = 50;
};

absl::Status SetObject(Invocation& invocation, const std::vector<std::string>& words,
                       AuditQuery& query) {
  if (words.empty()) return absl::OkStatus();
  absl::string_view word = words.front();
  if (words.size() == 1 && (word == kTokenKind || absl::ConsumePrefix(&word, "token/"))) {
    query.mutable_ref()->set_kind(kTokenKind);
    if (word != kTokenKind) query.mutable_ref()->set_name(std::string(word));
    return absl::OkStatus();
  }
  ESPALIER_ASSIGN_OR_RETURN(const std::vector<Ref> refs,
                            RefsFromWords(words, invocation.Namespace()));
  if (refs.size() != 1) return absl::InvalidArgumentError("name one object, as kind/name");
  *query.mutable_ref() = ToProto(refs.front());
  if (refs.front().name.empty()) query.mutable_ref()->set_namespace_(invocation.globals.ns);
  return absl::OkStatus();
}

// As many as are wanted, page by page.
absl::StatusOr<std::vector<AuditEntry>> Read(Invocation& invocation, AuditQuery query,
                                             std::size_t wanted) {
  ESPALIER_ASSIGN_OR_RETURN(Remote * remote, invocation.Engine());
  std::vector<AuditEntry> entries;
  do {
    const std::size_t left = wanted - entries.size();
    query.set_limit(static_cast<std::uint32_t>(std::min(left, limits::kPageSize)));
    ESPALIER_ASSIGN_OR_RETURN(const AuditPage page,
                              remote->audit().List(invocation.Context(), query));
    entries.insert(entries.end(), page.entries().begin(), page.entries().end());
    query.set_before(page.next_before());
  } while (query.before() != 0 && entries.size() < wanted);
  return entries;
}

absl::StatusOr<int> ShowAudit(Invocation& invocation, const AuditFlags& flags) {
  AuditQuery query;
  ESPALIER_RETURN_IF_ERROR(SetObject(invocation, flags.words, query));
  query.set_subject(flags.by);
  if (!flags.since.empty()) {
    ESPALIER_ASSIGN_OR_RETURN(const std::int64_t seconds, SecondsFromText(flags.since));
    query.mutable_since()->set_seconds(absl::ToUnixSeconds(invocation.clock.Now()) - seconds);
  }
  ESPALIER_ASSIGN_OR_RETURN(const std::vector<AuditEntry> entries,
                            Read(invocation, query, flags.limit));
  if (WantsDocument(invocation)) {
    PrintItems(invocation, [&](DocumentWriter& writer) {
      for (const AuditEntry& entry : entries) WriteMessage(entry, writer);
    });
    return kSuccess;
  }
  PrintTable(invocation, AuditTable(entries), "nothing is written down about that");
  return kSuccess;
}

}  // namespace

void AddAuditCommands(CLI::App& app, Command& chosen) {
  const auto flags = std::make_shared<AuditFlags>();
  CLI::App* audit = app.add_subcommand(
      "audit", "Who changed what, and who was refused, the newest first: audit vm/ci/build");
  audit->add_option("object", flags->words, "kind/name, a kind, or token/ID");
  audit->add_option("--by", flags->by, "only what this subject did");
  audit->add_option("--since", flags->since, "only of the last 2h, 7d");
  audit->add_option("--limit", flags->limit, "at most so many, the newest")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  audit->callback([&chosen, flags] {
    chosen = [flags](Invocation& invocation) { return ShowAudit(invocation, *flags); };
  });
}

}  // namespace espalier::cli
