#include "engine/cli/document.h"

#include <memory>
#include <string>

namespace espalier::cli {

bool WantsDocument(const Invocation& invocation) {
  const Output output = invocation.globals.output;
  return output == Output::kJson || output == Output::kYaml;
}

void PrintDocument(Invocation& invocation, absl::FunctionRef<void(DocumentWriter&)> write) {
  const bool json = invocation.globals.output == Output::kJson;
  std::string text;
  write(json ? *MakeJsonWriter(Indent::kTwo, text) : *MakeYamlWriter(text));
  invocation.out << text << (json ? "\n" : "");
}

void PrintItems(Invocation& invocation, absl::FunctionRef<void(DocumentWriter&)> write_items) {
  PrintDocument(invocation, [&](DocumentWriter& writer) {
    writer.BeginMap();
    writer.Key("items");
    writer.BeginList();
    write_items(writer);
    writer.EndList();
    writer.EndMap();
  });
}

}  // namespace espalier::cli
