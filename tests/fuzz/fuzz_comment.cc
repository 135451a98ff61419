// What strangers write below a pull request: commands, and lines that look like our markers.
// Whatever it is, what is read is bounded, quoting it takes every command away, and a marker that
// was read is written as it was.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "engine/base/check.h"
#include "reconciler/review/command.h"
#include "reconciler/review/marker.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const absl::string_view text(reinterpret_cast<const char*>(data), size);
  const std::vector<espalier::Command> commands = espalier::ParseCommands(text);
  ESPALIER_CHECK(commands.size() <= espalier::kCommands);
  for (const espalier::Command& command : commands) {
    ESPALIER_CHECK(command.words.size() <= 64);
    for (const std::string& word : command.words) {
      ESPALIER_CHECK(!word.empty() && word.size() <= 512);
    }
  }
  const std::string quoted = absl::StrCat("> ", absl::StrReplaceAll(text, {{"\n", "\n> "}}));
  ESPALIER_CHECK(espalier::ParseCommands(quoted).empty());

  const std::optional<espalier::Marker> marker = espalier::ParseMarker(text);
  if (!marker.has_value()) return 0;
  const std::string line = espalier::MarkerLine(*marker);
  const std::optional<espalier::Marker> again = espalier::ParseMarker(line);
  // Fields that were left out are written, and may make it too long for one of ours.
  ESPALIER_CHECK(again.has_value() || line.size() > 512);
  if (!again.has_value()) return 0;
  ESPALIER_CHECK(again->key == marker->key && again->commit == marker->commit);
  ESPALIER_CHECK(again->digest == marker->digest && again->revision == marker->revision);
  return 0;
}
