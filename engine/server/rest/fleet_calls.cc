#include "engine/server/rest/fleet_calls.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "engine/base/limits.h"
#include "engine/base/status.h"
#include "engine/model/codec.h"
#include "engine/model/node.h"
#include "engine/model/problem.h"
#include "engine/model/timestamp.h"
#include "engine/render/render.h"
#include "engine/server/rest/problem_document.h"

namespace espalier {
namespace {

// The parameter as a number that is not negative; 0 if it is not there.
absl::StatusOr<std::int64_t> NumberIn(const HttpCall& call, const std::string& name) {
  const std::string text = call.Query(name);
  std::int64_t number = 0;
  if (text.empty() || (absl::SimpleAtoi(text, &number) && number >= 0)) return number;
  return absl::InvalidArgumentError(absl::StrCat(name, ": '", text, "' is no number"));
}

absl::StatusOr<AuditQuery> AuditQueryOf(const HttpCall& call) {
  AuditQuery query;
  query.mutable_ref()->set_kind(call.Query("kind"));
  query.mutable_ref()->set_namespace_(call.Query("namespace"));
  query.mutable_ref()->set_name(call.Query("name"));
  query.set_subject(call.Query("subject"));
  if (const std::string since = call.Query("since"); !since.empty()) {
    absl::Time time;
    std::string why;
    if (!absl::ParseTime(absl::RFC3339_full, since, &time, &why)) {
      return absl::InvalidArgumentError(
          absl::StrCat("since: '", since, "' is no time like 2026-11-21T05:12:00Z: ", why));
    }
    SetTime(time, *query.mutable_since());
  }
  ESPALIER_ASSIGN_OR_RETURN(const std::int64_t limit, NumberIn(call, "limit"));
  query.set_limit(static_cast<std::uint32_t>(std::min<std::int64_t>(limit, limits::kPageSize)));
  ESPALIER_ASSIGN_OR_RETURN(const std::int64_t before, NumberIn(call, "before"));
  query.set_before(before);
  return query;
}

}  // namespace

HttpAnswer ShowDrift(Resources& resources, const CallContext& context, absl::Time now,
                     const HttpCall& call) {
  DriftRequest request;
  const std::string manager = call.Query("manager");
  if (!manager.empty()) {
    Owner::Manager parsed = Owner::MANAGER_UNSPECIFIED;
    if (!Owner::Manager_Parse(absl::AsciiStrToUpper(manager), &parsed)) {
      return ProblemAnswer(absl::InvalidArgumentError(
          absl::StrCat("manager: '", manager, "' is none of terraform, git, cli, api")));
    }
    request.mutable_owner()->set_manager(parsed);
    request.mutable_owner()->set_instance(call.Query("instance"));
  }
  const absl::StatusOr<DriftReport> report = resources.Drift(context, request);
  if (!report.ok()) return ProblemAnswer(report.status());
  return {.body = DriftToJson(*report, now, Indent::kNone)};
}

HttpAnswer PlanSet(Resources& resources, const CallContext& context, const HttpCall& call) {
  Problems problems;
  const std::optional<Node> body = ParseJson(call.body, "body", problems);
  if (!body.has_value()) return ProblemAnswer(400, "the body is no JSON", problems.list());
  const Node* list = body->type == Node::Type::kMap ? body->Find("items") : &*body;
  if (list == nullptr || list->type != Node::Type::kList) {
    return ProblemAnswer(absl::InvalidArgumentError("wanted is a list of documents, or items"));
  }
  ApplyRequest request;
  request.set_dry_run(true);
  request.mutable_owner()->set_manager(Owner::API);
  for (std::size_t i = 0; i < list->items.size(); ++i) {
    std::optional<Resource> resource = Decode(list->items[i], "body", problems);
    if (!resource.has_value()) continue;
    Declared& declared = *request.add_objects();
    *declared.mutable_resource() = *std::move(resource);
    declared.set_source(absl::StrCat("items[", i, "]"));
  }
  if (problems.HasErrors()) return ProblemAnswer(422, "the set is not valid", problems.list());
  const absl::StatusOr<ApplyResult> result = resources.Apply(context, request);
  if (!result.ok()) return ProblemAnswer(result.status());
  return {.body = MessageToJson(*result, Indent::kNone) + "\n"};
}

HttpAnswer ListAudit(Audit& audit, const CallContext& context, const HttpCall& call) {
  const absl::StatusOr<AuditQuery> query = AuditQueryOf(call);
  if (!query.ok()) return ProblemAnswer(query.status());
  const absl::StatusOr<AuditPage> page = audit.List(context, *query);
  if (!page.ok()) return ProblemAnswer(page.status());
  return {.body = MessageToJson(*page, Indent::kNone) + "\n"};
}

}  // namespace espalier
