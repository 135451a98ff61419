#include "engine/cli/configuration.h"

#include <set>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "engine/base/limits.h"
#include "engine/load/load.h"

namespace espalier::cli {

absl::StatusOr<std::map<std::string, std::string>> ReadConfiguration(Io& io,
                                                                     const std::string& path) {
  std::map<std::string, std::string> settings;
  const absl::StatusOr<std::string> text = io.ReadFile(path, limits::kFileBytes);
  if (absl::IsNotFound(text.status())) return settings;
  if (!text.ok()) return text.status();
  Problems problems;
  const std::vector<Node> documents = ParseYaml(*text, path, problems);
  if (problems.HasErrors()) return ToStatus(problems);
  const std::set<std::string> known = {"engine",    "token_file", "ca_file",
                                       "cert_file", "key_file",   "namespace"};
  for (const Node& document : documents) {
    for (const auto& [key, value] : document.entries) {
      if (!known.contains(key)) {
        return absl::InvalidArgumentError(
            absl::StrCat(path, ":", value.key_line, ": there is no setting \"", key, "\""));
      }
      settings[absl::StrCat("ESPALIER_", absl::AsciiStrToUpper(key))] = value.text;
    }
  }
  return settings;
}

}  // namespace espalier::cli
