#include "engine/server/rest/object_calls.h"

#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "engine/base/status.h"
#include "engine/model/codec.h"
#include "engine/model/node.h"
#include "engine/model/problem.h"
#include "engine/model/writer.h"
#include "engine/server/rest/merge_patch.h"
#include "engine/server/rest/problem_document.h"
#include "engine/server/rest/query_of.h"

namespace espalier {
namespace {

constexpr char kFile[] = "body";
// Somebody who writes the same object all the time is not waited out.
constexpr int kPatchTries = 5;

// `"17"` or `W/"17"`; 0 without a condition.
absl::StatusOr<std::int64_t> RevisionOf(const HttpCall& call) {
  absl::string_view tag = call.if_match;
  if (tag.empty() || tag == "*") return 0;
  absl::ConsumePrefix(&tag, "W/");
  absl::ConsumePrefix(&tag, "\"");
  absl::ConsumeSuffix(&tag, "\"");
  std::int64_t revision = 0;
  if (!absl::SimpleAtoi(tag, &revision) || revision <= 0) {
    return absl::InvalidArgumentError("If-Match is no revision of this interface");
  }
  return revision;
}

// What all writes have in common: for whom, whether really, and against whose word.
template <typename Request>
absl::Status ReadWriteParameters(const HttpCall& call, Request& request) {
  request.mutable_owner()->set_manager(Owner::API);
  request.set_dry_run(call.Flag("dry_run"));
  const std::string reason = call.Query("override");
  const std::string hold = call.Query("hold_seconds");
  std::int64_t seconds = 0;
  if (!hold.empty() && (!absl::SimpleAtoi(hold, &seconds) || seconds < 0 || reason.empty())) {
    return absl::InvalidArgumentError("hold_seconds: a number, beside an override");
  }
  if (call.query.count("override") > 0 && reason.empty()) {
    return absl::InvalidArgumentError("override: the reason is missing");
  }
  if (!reason.empty()) {
    request.mutable_override()->set_reason(reason);
    request.mutable_override()->set_hold_seconds(seconds);
  }
  return absl::OkStatus();
}

HttpAnswer ObjectAnswer(int status, const Resource& resource) {
  HttpAnswer answer{.status = status, .body = ToJson(resource, Indent::kNone) + "\n"};
  answer.headers.emplace_back("ETag", absl::StrCat("\"", resource.metadata().revision(), "\""));
  return answer;
}

// Whether the document names the object that the path names; fills in what it leaves out.
void ReconcileName(const Route& route, Resource& resource, Problems& problems) {
  v1::Metadata& metadata = *resource.mutable_metadata();
  if (resource.body_case() != route.kind->kind) {
    problems.Error("invalid_value", "kind",
                   absl::StrCat("the path is about kind ", route.kind->title));
    return;
  }
  if (metadata.namespace_().empty()) metadata.set_namespace_(route.ns);
  if (!route.ns.empty() && metadata.namespace_() != route.ns) {
    problems.Error("invalid_value", "metadata.namespace",
                   absl::StrCat("the path names namespace ", route.ns));
  }
  if (metadata.name().empty()) metadata.set_name(route.name);
  if (!route.name.empty() && metadata.name() != route.name) {
    problems.Error("invalid_value", "metadata.name", absl::StrCat("the path names ", route.name));
  }
}

// The path says what a document may leave out; what it says is not contradicted.
void PutIfAbsent(Node& map, const std::string& key, Node value) {
  if (map.Find(key) == nullptr) map.entries.emplace_back(key, std::move(value));
}

Node NodeOf(Node::Type type, std::string text = "") {
  Node node;
  node.type = type;
  node.text = std::move(text);
  return node;
}

Node TextNode(std::string text) { return NodeOf(Node::Type::kString, std::move(text)); }

void FillFromRoute(const Route& route, Node& document) {
  if (document.type != Node::Type::kMap) return;
  PutIfAbsent(document, "apiVersion", TextNode(kApiVersion));
  PutIfAbsent(document, "kind", TextNode(route.kind->title));
  if (route.name.empty()) return;
  PutIfAbsent(document, "metadata", NodeOf(Node::Type::kMap));
  for (auto& [key, value] : document.entries) {
    if (key == "metadata" && value.type == Node::Type::kMap) {
      PutIfAbsent(value, "name", TextNode(route.name));
    }
  }
}

// The object in the body; or the answer that says what is wrong with it.
std::variant<Resource, HttpAnswer> ReadObject(const Route& route, Node document) {
  Problems problems;
  FillFromRoute(route, document);
  std::optional<Resource> resource = Decode(document, kFile, problems);
  if (resource.has_value()) ReconcileName(route, *resource, problems);
  if (problems.HasErrors() || !resource.has_value()) {
    return ProblemAnswer(422, "the object is not valid", problems.list());
  }
  return *std::move(resource);
}

HttpAnswer ApplyAnswer(const absl::StatusOr<ApplyResult>& result, int good, bool conditional) {
  if (!result.ok()) {
    if (conditional && absl::IsAborted(result.status())) {
      return ProblemAnswer(412, "the object is not at the revision of If-Match", {});
    }
    return ProblemAnswer(result.status());
  }
  Problems problems;
  for (const Problem& problem : result->problems()) problems.Append(problem);
  if (problems.HasErrors()) return ProblemAnswer(422, "the object is refused", problems.list());
  if (result->objects_size() != 1) {
    return ProblemAnswer(absl::InternalError("the engine answered no object"));
  }
  return ObjectAnswer(good, result->objects(0));
}

std::optional<Node> ReadBody(const HttpCall& call, HttpAnswer& refusal) {
  Problems problems;
  std::optional<Node> document = ParseJson(call.body, kFile, problems);
  if (!document.has_value()) refusal = ProblemAnswer(400, "the body is no JSON", problems.list());
  return document;
}

HttpAnswer WriteObject(Resources& resources, const CallContext& context, const Route& route,
                       const HttpCall& call, bool create) {
  ApplyRequest request;
  if (absl::Status read = ReadWriteParameters(call, request); !read.ok()) {
    return ProblemAnswer(read);
  }
  const absl::StatusOr<std::int64_t> revision = RevisionOf(call);
  if (!revision.ok()) return ProblemAnswer(revision.status());
  HttpAnswer refusal;
  std::optional<Node> document = ReadBody(call, refusal);
  if (!document.has_value()) return refusal;
  std::variant<Resource, HttpAnswer> read = ReadObject(route, *std::move(document));
  if (HttpAnswer* const wrong = std::get_if<HttpAnswer>(&read)) return std::move(*wrong);

  Declared& declared = *request.add_objects();
  *declared.mutable_resource() = std::get<Resource>(std::move(read));
  declared.set_create_only(create);
  declared.set_revision(*revision);
  return ApplyAnswer(resources.Apply(context, request), create && !request.dry_run() ? 201 : 200,
                     *revision != 0);
}

}  // namespace

HttpAnswer ListObjects(Resources& resources, JsonCache& cache, const CallContext& context,
                       const Route& route, const HttpCall& call) {
  const absl::StatusOr<Query> query = QueryOf(route, call);
  if (!query.ok()) return ProblemAnswer(query.status());
  HttpAnswer answer;
  answer.body = "{\"items\":[";
  bool first = true;
  const absl::StatusOr<ListPage> page =
      resources.VisitPage(context, *query, [&](const Resource& object) {
        if (!first) answer.body += ',';
        first = false;
        cache.Append(object, answer.body);
      });
  if (!page.ok()) return ProblemAnswer(page.status());
  absl::StrAppend(&answer.body, "],\"revision\":", page->revision());
  if (!page->next_page().empty()) {
    answer.body += ",\"next_page\":";
    AppendJsonString(page->next_page(), answer.body);
  }
  answer.body += ",\"resume\":";
  AppendJsonString(page->resume(), answer.body);
  answer.body += "}\n";
  return answer;
}

HttpAnswer GetObject(Resources& resources, const CallContext& context, const Route& route) {
  const absl::StatusOr<Resource> found = resources.Get(context, route.ref());
  return found.ok() ? ObjectAnswer(200, *found) : ProblemAnswer(found.status());
}

HttpAnswer CreateObject(Resources& resources, const CallContext& context, const Route& route,
                        const HttpCall& call) {
  return WriteObject(resources, context, route, call, /*create=*/true);
}

HttpAnswer ApplyObject(Resources& resources, const CallContext& context, const Route& route,
                       const HttpCall& call) {
  return WriteObject(resources, context, route, call, /*create=*/false);
}

HttpAnswer PatchObject(Resources& resources, const CallContext& context, const Route& route,
                       const HttpCall& call) {
  ApplyRequest request;
  if (absl::Status read = ReadWriteParameters(call, request); !read.ok()) {
    return ProblemAnswer(read);
  }
  const absl::StatusOr<std::int64_t> wanted = RevisionOf(call);
  if (!wanted.ok()) return ProblemAnswer(wanted.status());
  HttpAnswer refusal;
  const std::optional<Node> patch = ReadBody(call, refusal);
  if (!patch.has_value()) return refusal;
  absl::StatusOr<ApplyResult> result = absl::AbortedError("not tried");
  for (int tries = 0; tries < kPatchTries && absl::IsAborted(result.status()); ++tries) {
    const absl::StatusOr<Resource> current = resources.Get(context, route.ref());
    if (!current.ok()) return ProblemAnswer(current.status());
    Problems ignored;
    std::optional<Node> document =
        ParseJson(ToJson(*current, Indent::kNone, /*with_status=*/false), kFile, ignored);
    if (!document.has_value())
      return ProblemAnswer(absl::InternalError("stored object is no JSON"));
    MergePatch(*patch, *document);
    std::variant<Resource, HttpAnswer> read = ReadObject(route, *std::move(document));
    if (HttpAnswer* const wrong = std::get_if<HttpAnswer>(&read)) return std::move(*wrong);
    request.clear_objects();
    Declared& declared = *request.add_objects();
    *declared.mutable_resource() = std::get<Resource>(std::move(read));
    declared.set_uid(current->metadata().uid());
    declared.set_revision(*wanted != 0 ? *wanted : current->metadata().revision());
    result = resources.Apply(context, request);
    if (*wanted != 0) break;
  }
  return ApplyAnswer(result, 200, *wanted != 0);
}

HttpAnswer DeleteObject(Resources& resources, const CallContext& context, const Route& route,
                        const HttpCall& call) {
  DeleteRequest request;
  if (absl::Status read = ReadWriteParameters(call, request); !read.ok()) {
    return ProblemAnswer(read);
  }
  const absl::StatusOr<std::int64_t> revision = RevisionOf(call);
  if (!revision.ok()) return ProblemAnswer(revision.status());
  *request.mutable_ref() = ToProto(route.ref());
  request.set_uid(call.Query("uid"));
  request.set_revision(*revision);
  const absl::StatusOr<ApplyResult> result = resources.Delete(context, request);
  if (!result.ok()) {
    if (*revision != 0 && absl::IsAborted(result.status())) {
      return ProblemAnswer(412, "the object is not at the revision of If-Match", {});
    }
    return ProblemAnswer(result.status());
  }
  Problems problems;
  for (const Problem& problem : result->problems()) problems.Append(problem);
  if (problems.HasErrors()) return ProblemAnswer(422, "deletion is refused", problems.list());
  return {.body = MessageToJson(*result, Indent::kNone) + "\n"};
}

}  // namespace espalier
