// espalier-generate SOURCE DIR: writes the documents that are generated from the model below DIR: a
// JSON Schema per kind, the OpenAPI description, and the reference pages; those of the Terraform
// provider show the examples below SOURCE.
#include <cstdio>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/clock.h"
#include "engine/base/io.h"
#include "engine/base/limits.h"
#include "engine/base/log.h"
#include "engine/base/random.h"
#include "engine/model/kind.h"
#include "engine/model/problem_codes.h"
#include "engine/model/reference.h"
#include "engine/model/schema.h"
#include "provider/provider.h"
#include "provider/registry_docs.h"
#include "provider/schema_json.h"

namespace espalier {
namespace {

constexpr mode_t kDirMode = 0755;
constexpr mode_t kFileMode = 0644;

// The provider is asked what it tells core. It never gets as far as an engine.
std::map<std::string, std::string> TerraformPages(const std::string& source, Io& io) {
  const std::unique_ptr<Clock> clock = MakeRealClock();
  const std::unique_ptr<Random> random = Random::FromMachine();
  const std::unique_ptr<Log> log = MakeNullLog();
  provider::Provider provider(
      *clock, *random, *log, [](const std::string&) { return std::nullopt; },
      [](const RemoteOptions&) { return absl::UnavailableError("there is no engine here"); });
  return provider::RegistryDocs(provider::AskForSchemas(provider), [&](const std::string& path) {
    return io.ReadFile(absl::StrCat(source, "/examples/", path), limits::kDocumentBytes)
        .value_or("");
  });
}

// Path below the root -> bytes.
std::map<std::string, std::string> Documents(const std::string& source, Io& io) {
  std::map<std::string, std::string> documents;
  documents["schemas/openapi.json"] = OpenApiJson();
  documents["docs/reference/problems.md"] = ProblemsPage();
  documents["docs/reference/README.md"] = ReferenceIndex();
  for (const KindInfo& kind : AllKinds()) {
    documents[absl::StrCat("schemas/json/", kind.name, ".json")] = JsonSchemaOf(kind);
    documents[absl::StrCat("docs/reference/", kind.name, ".md")] = ReferencePage(kind);
  }
  for (auto& [path, page] : TerraformPages(source, io)) {
    documents[absl::StrCat("docs/terraform/", path)] = std::move(page);
  }
  return documents;
}

absl::Status WriteAll(const std::string& source, const std::string& root, Io& io) {
  for (const auto& [path, bytes] : Documents(source, io)) {
    const std::string full = absl::StrCat(root, "/", path);
    absl::Status status = io.MakeDirs(full.substr(0, full.rfind('/')), kDirMode);
    if (status.ok()) status = io.WriteFile(full, bytes, kFileMode);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace
}  // namespace espalier

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: espalier-generate SOURCE DIR\n");
    return 2;
  }
  const absl::Status status = espalier::WriteAll(argv[1], argv[2], *espalier::MakeRealIo());
  if (!status.ok()) {
    std::fprintf(stderr, "espalier-generate: %s\n", status.ToString().c_str());
    return 1;
  }
  return 0;
}
