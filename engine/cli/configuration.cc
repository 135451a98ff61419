#include "engine/cli/configuration.h"

#include <map>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/base/limits.h"
#include "engine/load/load.h"

namespace espalier::cli {

absl::Status ReadConfiguration(Io& io, const std::string& path, Globals& globals) {
  const absl::StatusOr<std::string> text = io.ReadFile(path, limits::kFileBytes);
  if (absl::IsNotFound(text.status())) return absl::OkStatus();
  if (!text.ok()) return text.status();
  Problems problems;
  const std::vector<Node> documents = ParseYaml(*text, path, problems);
  if (problems.HasErrors()) return ToStatus(problems);
  const std::map<std::string, std::string*> known = {
      {"engine", &globals.remote.engine},       {"token_file", &globals.token_file},
      {"ca_file", &globals.remote.ca_file},     {"cert_file", &globals.remote.cert_file},
      {"key_file", &globals.remote.key_file},   {"namespace", &globals.ns},
  };
  for (const Node& document : documents) {
    for (const auto& [key, value] : document.entries) {
      const auto found = known.find(key);
      if (found == known.end()) {
        return absl::InvalidArgumentError(
            absl::StrCat(path, ":", value.key_line, ": there is no setting \"", key, "\""));
      }
      if (found->second->empty()) *found->second = value.text;
    }
  }
  return absl::OkStatus();
}

}  // namespace espalier::cli
