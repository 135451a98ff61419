// espalier-generate DIR: writes the documents that are generated from the model below DIR: a JSON
// Schema per kind, the OpenAPI description, and the reference pages.
#include <cstdio>
#include <map>
#include <string>

#include "absl/strings/str_cat.h"
#include "engine/base/io.h"
#include "engine/model/kind.h"
#include "engine/model/reference.h"
#include "engine/model/schema.h"

namespace espalier {
namespace {

constexpr mode_t kDirMode = 0755;
constexpr mode_t kFileMode = 0644;

// Path below the root -> bytes.
std::map<std::string, std::string> Documents() {
  std::map<std::string, std::string> documents;
  documents["schemas/openapi.json"] = OpenApiJson();
  documents["docs/reference/README.md"] = ReferenceIndex();
  for (const KindInfo& kind : AllKinds()) {
    documents[absl::StrCat("schemas/json/", kind.name, ".json")] = JsonSchemaOf(kind);
    documents[absl::StrCat("docs/reference/", kind.name, ".md")] = ReferencePage(kind);
  }
  return documents;
}

absl::Status WriteAll(const std::string& root, Io& io) {
  for (const auto& [path, bytes] : Documents()) {
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
  if (argc != 2) {
    std::fprintf(stderr, "usage: espalier-generate DIR\n");
    return 2;
  }
  const absl::Status status = espalier::WriteAll(argv[1], *espalier::MakeRealIo());
  if (!status.ok()) {
    std::fprintf(stderr, "espalier-generate: %s\n", status.ToString().c_str());
    return 1;
  }
  return 0;
}
