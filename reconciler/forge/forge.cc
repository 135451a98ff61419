#include "reconciler/forge/forge.h"

namespace espalier {

absl::StatusOr<std::vector<ForgeComment>> Forge::IssueComments(std::int64_t number) {
  return Comments(number);
}

absl::StatusOr<ForgeComment> Forge::AddIssueComment(std::int64_t number, const std::string& body) {
  return AddComment(number, body);
}

absl::Status Forge::AcknowledgeOnIssue(std::int64_t number, const std::string& id) {
  return Acknowledge(number, id);
}

}  // namespace espalier
