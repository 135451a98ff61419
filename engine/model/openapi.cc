#include "engine/model/schema.h"

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/model/message_schema.h"
#include "engine/model/openapi_components.h"
#include "espalier/v1/audit_service.pb.h"
#include "espalier/v1/resources_service.pb.h"

namespace espalier {
namespace {

constexpr char kJson[] = "application/json";
constexpr char kRoot[] = "/api/v1/";

class OpenApi {
 public:
  explicit OpenApi(std::string& out) : writer_(MakeJsonWriter(Indent::kTwo, out)), w_(*writer_) {}

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
    WriteOpenApiComponents(w_);
    w_.EndMap();
  }

 private:
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
      WriteContent(type, schema, w_);
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
    if (std::string(path) == "/readyz") {
      w_.Key("503");
      w_.BeginMap();
      w_.Member("$ref", "#/components/responses/Error");
      w_.EndMap();
    }
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
    Responses("200", "The report.", "DriftDocument");
    w_.EndMap();
    w_.EndMap();
    w_.Key("/api/v1/audit");
    w_.BeginMap();
    w_.Key("get");
    w_.BeginMap();
    w_.Member("operationId", "listAudit");
    w_.Member("summary", "Who changed what, and who was refused: one page, the newest first.");
    Parameters({"kind", "in_namespace", "named", "subject", "since", "limit", "before"});
    Responses("200", "The page.", SchemaName(*v1::AuditPage::descriptor()));
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
    if (std::string(code) == "201") {
      Responses(code, "The object as stored.", kind.title, "",
                "With `dry_run`: the object as it would be.");
    } else {
      Responses(code, "The object as stored; with `dry_run` as it would be.", kind.title);
    }
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
    WriteContent(type, schema, w_);
    w_.EndMap();
    w_.EndMap();
  }

  // `also_200`: what the answer 200 is, beside another good one.
  void Responses(const char* code, const char* what, const std::string& schema,
                 const std::string& line_schema = "", const char* also_200 = nullptr) {
    w_.Key("responses");
    w_.BeginMap();
    if (also_200 != nullptr) Response("200", also_200, schema, line_schema);
    Response(code, what, schema, line_schema);
    w_.Key("default");
    w_.BeginMap();
    w_.Member("$ref", "#/components/responses/Error");
    w_.EndMap();
    w_.EndMap();
  }

  void Response(const char* code, const char* what, const std::string& schema,
                const std::string& line_schema) {
    w_.Key(code);
    w_.BeginMap();
    w_.Member("description", what);
    w_.Key("content");
    w_.BeginMap();
    WriteContent(kJson, schema, w_);
    if (!line_schema.empty()) WriteContent("application/jsonl", line_schema, w_);
    w_.EndMap();
    w_.EndMap();
  }

  std::unique_ptr<DocumentWriter> writer_;
  DocumentWriter& w_;
};

}  // namespace

std::string OpenApiJson() {
  std::string json;
  OpenApi(json).Write();
  return json + "\n";
}

}  // namespace espalier
