#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "engine/model/field.h"
#include "engine/render/render.h"
#include "engine/render/words.h"

namespace espalier {
namespace {

constexpr std::size_t kValueWidth = 60;
// Of a commit: what people tell each other.
constexpr std::size_t kCommitWidth = 12;

// To the second: what somebody did within a minute has an order.
std::string MomentText(const google::protobuf::Timestamp& time) {
  return absl::FormatTime("%Y-%m-%d %H:%M:%SZ", absl::FromUnixSeconds(time.seconds()),
                          absl::UTCTimeZone());
}

// "git fleet, fleet.yaml:12 at 3f2a91c4d5e6".
std::string ThroughText(const v1::Owner& owner) {
  if (owner.manager() == v1::Owner::MANAGER_UNSPECIFIED) return "";
  std::string text = EnumWord(owner.manager());
  if (!owner.instance().empty()) absl::StrAppend(&text, " ", owner.instance());
  if (!owner.source().empty()) absl::StrAppend(&text, ", ", owner.source());
  if (!owner.commit().empty()) {
    absl::StrAppend(&text, " at ", owner.commit().substr(0, kCommitWidth));
  }
  return text;
}

std::string DeedText(const v1::AuditEntry& entry) {
  if (!entry.refused().empty()) return "refused";
  if (entry.verb() != v1::Action::VERB_UNSPECIFIED) return EnumWord(entry.verb());
  const bool ends = entry.changes_size() > 0 && !entry.changes(0).has_after();
  return ends ? "end hold" : "hold";
}

std::string ChangesText(const v1::AuditEntry& entry) {
  return absl::StrJoin(entry.changes(), ", ", [](std::string* out, const v1::FieldChange& change) {
    // "(3 more)" is a count of changes and none itself.
    const bool is_count = absl::StartsWith(change.path(), "(");
    out->append(is_count ? change.path() : ChangeText(change, kValueWidth));
  });
}

}  // namespace

Table AuditTable(const std::vector<v1::AuditEntry>& entries) {
  Table table({"TIME", "WHO", "THROUGH", "WHAT", "OBJECT", "CHANGES", "REASON"});
  for (const v1::AuditEntry& entry : entries) {
    table.AddRow({MomentText(entry.at()), entry.subject(), ThroughText(entry.owner()),
                  DeedText(entry), entry.ref().kind().empty() ? "" : ObjectText(entry.ref()),
                  ChangesText(entry), entry.refused().empty() ? entry.reason() : entry.refused()});
  }
  return table;
}

}  // namespace espalier
