#include "engine/server/rest/fleet_calls.h"

#include <optional>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "engine/model/codec.h"
#include "engine/model/node.h"
#include "engine/model/problem.h"
#include "engine/server/rest/problem_document.h"

namespace espalier {

HttpAnswer ShowDrift(Resources& resources, const CallContext& context, const HttpCall& call) {
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
  return {.body = MessageToJson(*report, Indent::kNone) + "\n"};
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

}  // namespace espalier
