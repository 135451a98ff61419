#include "engine/model/openapi_components.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/base/limits.h"
#include "engine/model/kind.h"
#include "engine/model/message_schema.h"
#include "espalier/v1/audit_service.pb.h"
#include "espalier/v1/resources_service.pb.h"

namespace espalier {
namespace {

using google::protobuf::Descriptor;

constexpr char kSchemas[] = "#/components/schemas/";

class Components {
 public:
  explicit Components(DocumentWriter& writer) : w_(writer), schemas_(kSchemas, writer) {}

  void Write() {
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
    WriteContent("application/problem+json", "ProblemDocument", w_);
    w_.EndMap();
    w_.EndMap();
    w_.EndMap();
    Schemas();
    w_.EndMap();
  }

 private:
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
    DefineParameter("kind", "query", "string", "Only objects of this kind: vm.");
    DefineParameter("in_namespace", "query", "string", "Only objects of this namespace.",
                    "namespace");
    DefineParameter("named", "query", "string", "With kind: only the object of this name.", "name");
    DefineParameter("subject", "query", "string", "Only what this subject did.");
    DefineParameter("since", "query", "string", "Only from then on: 2026-11-21T05:12:00Z.");
    DefineParameter("limit", "query", "integer", "At most so many entries.");
    DefineParameter("before", "query", "integer", "The next_before of the page before.");
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
    if (std::string(name) == "page_size" || std::string(name) == "limit") {
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
    CollectMessages(*v1::DriftRow::descriptor(), answers);
    CollectMessages(*v1::WatchBatch::descriptor(), answers);
    CollectMessages(*v1::AuditPage::descriptor(), answers);
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
    DriftDocument();
    ProblemDocument();
    w_.EndMap();
  }

  static std::vector<std::string> Titles() {
    std::vector<std::string> titles;
    for (const KindInfo& kind : AllKinds()) titles.push_back(kind.title);
    return titles;
  }

  // Properties follow; they and the object are two maps to be ended.
  void BeginObject(const std::string& name) {
    w_.Key(name);
    w_.BeginMap();
    w_.Member("type", "object");
    w_.Key("properties");
    w_.BeginMap();
  }

  void ListSchema(const KindInfo& kind) {
    BeginObject(absl::StrCat(kind.title, "List"));
    ListProperty("items", kind.title);
    Property("revision", "integer", "Revision that the page is consistent with.");
    Property("next_page", "string", "Given when there is more.");
    Property("resume", "string", "Where a watch goes on from this list.");
    w_.EndMap();
    Required({"items", "revision"});
    w_.EndMap();
  }

  void Property(const char* name, const char* type, const char* what) {
    w_.Key(name);
    w_.BeginMap();
    w_.Member("type", type);
    w_.Member("description", what);
    w_.EndMap();
  }

  // A list of what `schema` describes.
  void ListProperty(const char* name, const std::string& schema, const char* what = nullptr) {
    w_.Key(name);
    w_.BeginMap();
    w_.Member("type", "array");
    if (what != nullptr) w_.Member("description", what);
    w_.Key("items");
    schemas_.Reference(schema, "");
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
    BeginObject("Set");
    ListProperty("items", SchemaName(*Resource::descriptor()));
    w_.EndMap();
    w_.EndMap();
  }

  void ClusterInfo() {
    BeginObject("ClusterInfo");
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

  void DriftDocument() {
    BeginObject("DriftDocument");
    Property("version", "integer", "Of this form: 1.");
    Property("checked_at", "string", "When the engine was asked.");
    Property("revision", "integer", "Revision that it was made at.");
    BeginObject("coverage");
    Property("managed", "integer", "Objects that somebody declares.");
    Property("total", "integer", "All objects and found things.");
    Property("percent", "integer", "The share of the managed, rounded down.");
    w_.EndMap();
    w_.EndMap();
    ListProperty("rows", SchemaName(*v1::DriftRow::descriptor()), "Sorted by class, then name.");
    w_.EndMap();
    Required({"version", "checked_at", "revision", "coverage", "rows"});
    w_.EndMap();
  }

  void Required(const std::vector<std::string>& names) {
    w_.Key("required");
    w_.BeginList();
    for (const std::string& name : names) w_.String(name);
    w_.EndList();
  }

  void ProblemDocument() {
    BeginObject("ProblemDocument");
    Property("type", "string", "A URI of the kind of problem, or about:blank.");
    Property("title", "string", "The kind of problem, for people.");
    Property("status", "integer", "The HTTP status.");
    Property("detail", "string", "What is wrong with this request.");
    ListProperty("problems", SchemaName(*v1::Problem::descriptor()),
                 "Every problem of the input, with its path.");
    w_.EndMap();
    Required({"title", "status"});
    w_.EndMap();
  }

  DocumentWriter& w_;
  SchemaEmitter schemas_;
};

}  // namespace

void WriteOpenApiComponents(DocumentWriter& writer) { Components(writer).Write(); }

void WriteContent(const std::string& type, const std::string& schema, DocumentWriter& writer) {
  writer.Key(type);
  writer.BeginMap();
  writer.Key("schema");
  SchemaEmitter(kSchemas, writer).Reference(schema, "");
  writer.EndMap();
}

}  // namespace espalier
