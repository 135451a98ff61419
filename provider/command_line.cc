#include "provider/command_line.h"

#include <array>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "engine/base/version.h"
#include "engine/model/writer.h"
#include "provider/handshake.h"

namespace espalier::provider {
namespace {

constexpr std::array<std::pair<absl::string_view, Task>, 4> kFlags = {{
    {"-debug", Task::kDebug},
    {"-schema-json", Task::kSchemaJson},
    {"-version", Task::kVersion},
    {"-help", Task::kHelp},
}};

constexpr absl::string_view kUsage =
    R"(terraform-provider-espalier: started without a flag by Terraform and OpenTofu.

  --debug        serve until interrupted; prints the variable with which Terraform attaches
  --schema-json  print what "terraform providers schema -json" says of this provider
  --version      print the version
  --help         print this

To use it, put it where Terraform looks for providers: see docs/terraform/index.md.
)";

}  // namespace

absl::StatusOr<Task> ParseCommandLine(const std::vector<std::string>& arguments) {
  if (arguments.empty()) return Task::kServe;
  // A second flag would never be heeded.
  const std::string& wrong = arguments.size() == 1 ? arguments[0] : arguments[1];
  if (arguments.size() == 1) {
    absl::string_view flag = arguments[0];
    if (absl::StartsWith(flag, "--")) flag.remove_prefix(1);
    for (const auto& [name, task] : kFlags) {
      if (flag == name) return task;
    }
  }
  return absl::InvalidArgumentError(absl::StrCat("what is \"", wrong, "\"?"));
}

absl::string_view Usage() { return kUsage; }

std::string VersionLine() { return absl::StrCat("terraform-provider-espalier ", kVersion, "\n"); }

std::string ReattachLine(absl::string_view path, int pid) {
  std::string json;
  const std::unique_ptr<DocumentWriter> writer = MakeJsonWriter(Indent::kNone, json);
  writer->BeginMap();
  // Without a host: Terraform and OpenTofu each take it for their own registry's.
  writer->Key("espalier/espalier");
  writer->BeginMap();
  writer->Member("Protocol", "grpc");
  writer->Key("ProtocolVersion");
  writer->Literal(absl::StrCat(kProtocolVersion));
  writer->Key("Pid");
  writer->Literal(absl::StrCat(pid));
  // Core neither stops nor kills what is marked so.
  writer->Key("Test");
  writer->Bool(true);
  writer->Key("Addr");
  writer->BeginMap();
  writer->Member("Network", "unix");
  writer->Member("String", path);
  writer->EndMap();
  writer->EndMap();
  writer->EndMap();
  return absl::StrCat("export TF_REATTACH_PROVIDERS='", absl::StrReplaceAll(json, {{"'", "'\\''"}}),
                      "'\n");
}

}  // namespace espalier::provider
