#include "engine/model/schema.h"

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/base/limits.h"
#include "engine/model/message_schema.h"
#include "espalier/v1/resources_service.pb.h"

namespace espalier {
namespace {

using google::protobuf::Descriptor;

constexpr char kSchemas[] = "#/components/schemas/";
constexpr char kJson[] = "application/json";
constexpr char kRoot[] = "/api/v1/";

class OpenApi {
 public:
  explicit OpenApi(std::string& out)
      : writer_(MakeJsonWriter(Indent::kTwo, out)), w_(*writer_), schemas_(kSchemas, *writer_) {}

  void Write() {
    w_.BeginMap();
    w_.Member("openapi", "3.1.0");
    w_.Key("info");
    w_.BeginMap();
    w_.Member("title", "Espalier");
    w_.Member("version", "v1");
    w_.Member("description",
              "Reads and writes the declared objects of a fleet. A write is planned and checked as "
              "one made with Terraform, git or the command line is.");
    w_.Key("license");
    w_.BeginMap();
    w_.Member("name", "Apache-2.0");
    w_.Member("identifier", "Apache-2.0");
    w_.EndMap();
    w_.EndMap();
    w_.Key("security");
    w_.BeginList();
    w_.BeginMap();
    w_.Key("token");
    w_.BeginList();
    w_.EndList();
    w_.EndMap();
    w_.EndList();
    Paths();
    Components();
    w_.EndMap();
  }

 private:
  // --- paths

  void Paths() {
    w_.Key("paths");
    w_.BeginMap();
    Probe("/healthz", "The process lives.", "text/plain");
    Probe("/readyz", "The engine serves.", "text/plain");
    Probe("/metrics", "Metrics in the text format of Prometheus.", "text/plain");
    Probe("/api/v1/cluster-info", "That this is an engine, and which version.", kJson,
          "ClusterInfo");
    Probe("/api/v1/openapi.json", "This document.", kJson);
    FleetPaths();
    for (const KindInfo& kind : AllKinds()) KindPaths(kind);
    w_.EndMap();
  }

  // A path that is answered without a token.
  void Probe(const char* path, const char* what, const char* type, const char* schema = "") {
    w_.Key(path);
    w_.BeginMap();
    w_.Key("get");
    w_.BeginMap();
    w_.Member("summary", what);
    w_.Key("security");
    w_.BeginList();
    w_.EndList();
    w_.Key("responses");
    w_.BeginMap();
    w_.Key("200");
    w_.BeginMap();
    w_.Member("description", what);
    w_.Key("content");
    w_.BeginMap();
    if (*schema != '\0') {
      Content(type, schema);
    } else {
      w_.Key(type);
      w_.BeginMap();
      w_.Key("schema");
      w_.BeginMap();
      w_.Member("type", std::string(type) == kJson ? "object" : "string");
      w_.EndMap();
      w_.EndMap();
    }
    w_.EndMap();
    w_.EndMap();
    w_.EndMap();
    w_.EndMap();
    w_.EndMap();
  }

  // What is about no single kind.
  void FleetPaths() {
    w_.Key("/api/v1/drift");
    w_.BeginMap();
    w_.Key("get");
    w_.BeginMap();
    w_.Member("operationId", "getDrift");
    w_.Member("summary", "What differs from what is declared: everybody's, or one owner's.");
    Parameters({"manager", "instance"});
    Responses("200", "The report.", SchemaName(*v1::DriftReport::descriptor()));
    w_.EndMap();
    w_.EndMap();
    w_.Key("/api/v1/plan");
    w_.BeginMap();
    w_.Key("post");
    w_.BeginMap();
    w_.Member("operationId", "planSet");
    w_.Member("summary", "What applying a set would do. Nothing is written.");
    Body(kJson, "Set");
    Responses("200", "The plan and the problems.", SchemaName(*v1::ApplyResult::descriptor()));
    w_.EndMap();
    w_.EndMap();
  }

  void KindPaths(const KindInfo& kind) {
    const std::string everywhere = absl::StrCat(kRoot, kind.plural);
    if (kind.namespaced) {
      w_.Key(everywhere);
      w_.BeginMap();
      List(kind, "InAllNamespaces");
      w_.EndMap();
    }
    const std::string collection =
        kind.namespaced ? absl::StrCat(kRoot, "namespaces/{namespace}/", kind.plural) : everywhere;
    w_.Key(collection);
    w_.BeginMap();
    PathParameters(kind, /*with_name=*/false);
    List(kind, "");
    Write("post", "create", "Creates an object that must not exist yet.", "201", kind, kJson);
    w_.EndMap();

    w_.Key(absl::StrCat(collection, "/{name}"));
    w_.BeginMap();
    PathParameters(kind, /*with_name=*/true);
    w_.Key("get");
    w_.BeginMap();
    Head("get", kind, "", "The object as of now, or with `watch` its events from now on.");
    Parameters({"watch", "resume"});
    Responses("200", "The object, or the events.", kind.title, "WatchLine");
    w_.EndMap();
    Write("put", "apply", "Makes the object so, whether or not it exists.", "200", kind, kJson);
    Write("patch", "patch", "Changes the given fields; null takes one away (RFC 7396).", "200",
          kind, "application/merge-patch+json");
    w_.Key("delete");
    w_.BeginMap();
    Head("delete", kind, "", "Asks for deletion; done when what it stands for has ended.");
    Parameters({"if_match", "uid", "dry_run", "override", "hold_seconds", "idempotency_key"});
    Responses("200", "What is done.", SchemaName(*v1::ApplyResult::descriptor()));
    w_.EndMap();
    w_.EndMap();
  }

  void Head(const char* verb, const KindInfo& kind, const char* suffix, const char* summary) {
    w_.Member("operationId", absl::StrCat(verb, kind.title, suffix));
    w_.Key("tags");
    w_.BeginList();
    w_.String(kind.title);
    w_.EndList();
    w_.Member("summary", summary);
  }

  void List(const KindInfo& kind, const char* suffix) {
    w_.Key("get");
    w_.BeginMap();
    Head("list", kind, suffix,
         "One page in the order of names, or with `watch` one event a line from now on.");
    Parameters({"labels", "page_size", "page", "watch", "resume"});
    Responses("200", "The page, or the events.", absl::StrCat(kind.title, "List"), "WatchLine");
    w_.EndMap();
  }

  void Write(const char* method, const char* verb, const char* summary, const char* code,
             const KindInfo& kind, const char* type) {
    w_.Key(method);
    w_.BeginMap();
    Head(verb, kind, "", summary);
    if (std::string(method) == "post") {
      Parameters({"dry_run", "idempotency_key"});
    } else {
      Parameters({"if_match", "dry_run", "override", "hold_seconds", "idempotency_key"});
    }
    // A patch has the shape of what it patches, with any part left out.
    Body(type, std::string(method) == "patch" ? "Patch" : kind.title);
    Responses(code, "The object as stored; with `dry_run` as it would be.", kind.title);
    w_.EndMap();
  }

  void PathParameters(const KindInfo& kind, bool with_name) {
    std::vector<std::string> names;
    if (kind.namespaced) names.push_back("namespace");
    if (with_name) names.push_back("name");
    if (!names.empty()) Parameters(names);
  }

  void Parameters(const std::vector<std::string>& names) {
    w_.Key("parameters");
    w_.BeginList();
    for (const std::string& name : names) {
      w_.BeginMap();
      w_.Member("$ref", absl::StrCat("#/components/parameters/", name));
      w_.EndMap();
    }
    w_.EndList();
  }

  void Body(const std::string& type, const std::string& schema) {
    w_.Key("requestBody");
    w_.BeginMap();
    w_.Key("required");
    w_.Bool(true);
    w_.Key("content");
    w_.BeginMap();
    Content(type, schema);
    w_.EndMap();
    w_.EndMap();
  }

  void Content(const std::string& type, const std::string& schema) {
    w_.Key(type);
    w_.BeginMap();
    w_.Key("schema");
    schemas_.Reference(schema, "");
    w_.EndMap();
  }

  void Responses(const char* code, const char* what, const std::string& schema,
                 const std::string& line_schema = "") {
    w_.Key("responses");
    w_.BeginMap();
    w_.Key(code);
    w_.BeginMap();
    w_.Member("description", what);
    w_.Key("content");
    w_.BeginMap();
    Content(kJson, schema);
    if (!line_schema.empty()) Content("application/jsonl", line_schema);
    w_.EndMap();
    w_.EndMap();
    w_.Key("default");
    w_.BeginMap();
    w_.Member("$ref", "#/components/responses/Error");
    w_.EndMap();
    w_.EndMap();
  }

  // --- components

  void Components() {
    w_.Key("components");
    w_.BeginMap();
    w_.Key("securitySchemes");
    w_.BeginMap();
    w_.Key("token");
    w_.BeginMap();
    w_.Member("type", "http");
    w_.Member("scheme", "bearer");
    w_.EndMap();
    w_.EndMap();
    ParameterDefinitions();
    w_.Key("responses");
    w_.BeginMap();
    w_.Key("Error");
    w_.BeginMap();
    w_.Member("description", "A problem document (RFC 9457) with every problem and its path.");
    w_.Key("content");
    w_.BeginMap();
    Content("application/problem+json", "ProblemDocument");
    w_.EndMap();
    w_.EndMap();
    w_.EndMap();
    Schemas();
    w_.EndMap();
  }

  void ParameterDefinitions() {
    w_.Key("parameters");
    w_.BeginMap();
    DefineParameter("namespace", "path", "string", "Namespace of the object.");
    DefineParameter("name", "path", "string", "Name of the object.");
    DefineParameter("labels", "query", "string", "Only objects with these labels: a=b,c=d.");
    DefineParameter("page_size", "query", "integer", "At most so many objects in a page.");
    DefineParameter("page", "query", "string", "The next_page of the page before.");
    DefineParameter("watch", "query", "boolean", "Answer with events, one JSON object a line.");
    DefineParameter("resume", "query", "string",
                    "For a watch: where to go on; left out, everything that is there comes first.");
    DefineParameter("dry_run", "query", "boolean", "Plan and check only.");
    DefineParameter("override", "query", "string",
                    "Why this changes an object that another owns; without it that is refused.");
    DefineParameter("hold_seconds", "query", "integer",
                    "With override: its owner does not correct the change for so long.");
    DefineParameter("uid", "query", "string", "Only this incarnation of the object.");
    DefineParameter("manager", "query", "string", "terraform, git, cli or api.");
    DefineParameter("instance", "query", "string", "With manager: which of them.");
    DefineParameter("if_match", "header", "string",
                    "The ETag that was read; 412 if somebody wrote in between.", "If-Match");
    DefineParameter("idempotency_key", "header", "string",
                    "Chosen by the caller: the same write with the same key is done once.",
                    "Idempotency-Key");
    w_.EndMap();
  }

  void DefineParameter(const char* name, const char* in, const char* type, const char* what,
                       const char* sent_as = nullptr) {
    w_.Key(name);
    w_.BeginMap();
    w_.Member("name", sent_as == nullptr ? name : sent_as);
    w_.Member("in", in);
    if (std::string(in) == "path") {
      w_.Key("required");
      w_.Bool(true);
    }
    w_.Member("description", what);
    w_.Key("schema");
    w_.BeginMap();
    w_.Member("type", type);
    if (std::string(name) == "page_size") {
      w_.Key("maximum");
      w_.Literal(absl::StrCat(limits::kPageSize));
    }
    w_.EndMap();
    w_.EndMap();
  }

  void Schemas() {
    w_.Key("schemas");
    w_.BeginMap();
    std::vector<const Descriptor*> messages;
    CollectMessages(*v1::Metadata::descriptor(), messages);
    for (const KindInfo& kind : AllKinds()) {
      CollectMessages(*kind.spec, messages);
      CollectMessages(*kind.status, messages);
      w_.Key(kind.title);
      w_.BeginMap();
      schemas_.Document(kind);
      w_.EndMap();
      ListSchema(kind);
    }
    for (const Descriptor* message : messages) {
      w_.Key(SchemaName(*message));
      schemas_.Message(*message);
    }
    std::vector<const Descriptor*> answers = messages;
    CollectMessages(*v1::ApplyResult::descriptor(), answers);
    CollectMessages(*v1::DriftReport::descriptor(), answers);
    CollectMessages(*v1::WatchBatch::descriptor(), answers);
    for (std::size_t i = messages.size(); i < answers.size(); ++i) {
      if (answers[i] == Resource::descriptor()) continue;
      w_.Key(SchemaName(*answers[i]));
      schemas_.Message(*answers[i], SchemaEmitter::Use::kAnswer);
    }
    AnyOf(SchemaName(*Resource::descriptor()), "An object of any kind.", Titles());
    AnyOf("WatchLine",
          "A line of a watch: an event; or where it stands after them (a batch without events), "
          "also now and then when nothing happens; or, as the last line, why it ended.",
          {SchemaName(*v1::Event::descriptor()), SchemaName(*v1::WatchBatch::descriptor()),
           "ProblemDocument"});
    Patch();
    Set();
    ClusterInfo();
    ProblemDocument();
    w_.EndMap();
  }

  static std::vector<std::string> Titles() {
    std::vector<std::string> titles;
    for (const KindInfo& kind : AllKinds()) titles.push_back(kind.title);
    return titles;
  }

  void ListSchema(const KindInfo& kind) {
    w_.Key(absl::StrCat(kind.title, "List"));
    w_.BeginMap();
    w_.Member("type", "object");
    w_.Key("properties");
    w_.BeginMap();
    w_.Key("items");
    w_.BeginMap();
    w_.Member("type", "array");
    w_.Key("items");
    schemas_.Reference(kind.title, "");
    w_.EndMap();
    Property("revision", "integer", "Revision that the page is consistent with.");
    Property("next_page", "string", "Given when there is more.");
    Property("resume", "string", "Where a watch goes on from this list.");
    w_.EndMap();
    w_.Key("required");
    w_.BeginList();
    w_.String("items");
    w_.String("revision");
    w_.EndList();
    w_.EndMap();
  }

  void Property(const char* name, const char* type, const char* what) {
    w_.Key(name);
    w_.BeginMap();
    w_.Member("type", type);
    w_.Member("description", what);
    w_.EndMap();
  }

  void AnyOf(const std::string& name, const char* what, const std::vector<std::string>& schemas) {
    w_.Key(name);
    w_.BeginMap();
    w_.Member("description", what);
    w_.Key("anyOf");
    w_.BeginList();
    for (const std::string& schema : schemas) schemas_.Reference(schema, "");
    w_.EndList();
    w_.EndMap();
  }

  void Set() {
    w_.Key("Set");
    w_.BeginMap();
    w_.Member("type", "object");
    w_.Key("properties");
    w_.BeginMap();
    w_.Key("items");
    w_.BeginMap();
    w_.Member("type", "array");
    w_.Key("items");
    schemas_.Reference(SchemaName(*Resource::descriptor()), "");
    w_.EndMap();
    w_.EndMap();
    w_.EndMap();
  }

  void ClusterInfo() {
    w_.Key("ClusterInfo");
    w_.BeginMap();
    w_.Member("type", "object");
    w_.Key("properties");
    w_.BeginMap();
    Property("product", "string", "Always espalier.");
    Property("version", "string", "Version of the engine.");
    Property("api_version", "string", "The apiVersion of documents.");
    Property("api_endpoint", "string", "Where the paths of this interface begin.");
    w_.EndMap();
    w_.EndMap();
  }

  void Patch() {
    w_.Key("Patch");
    w_.BeginMap();
    w_.Member("type", "object");
    w_.Member("description", "Any part of a document; null takes a field away.");
    w_.EndMap();
  }

  void ProblemDocument() {
    w_.Key("ProblemDocument");
    w_.BeginMap();
    w_.Member("type", "object");
    w_.Key("properties");
    w_.BeginMap();
    Property("type", "string", "A URI of the kind of problem, or about:blank.");
    Property("title", "string", "The kind of problem, for people.");
    Property("status", "integer", "The HTTP status.");
    Property("detail", "string", "What is wrong with this request.");
    w_.Key("problems");
    w_.BeginMap();
    w_.Member("type", "array");
    w_.Member("description", "Every problem of the input, with its path.");
    w_.Key("items");
    schemas_.Reference(SchemaName(*v1::Problem::descriptor()), "");
    w_.EndMap();
    w_.EndMap();
    w_.Key("required");
    w_.BeginList();
    w_.String("title");
    w_.String("status");
    w_.EndList();
    w_.EndMap();
  }

  std::unique_ptr<DocumentWriter> writer_;
  DocumentWriter& w_;
  SchemaEmitter schemas_;
};

}  // namespace

std::string OpenApiJson() {
  std::string json;
  OpenApi(json).Write();
  return json + "\n";
}

}  // namespace espalier
