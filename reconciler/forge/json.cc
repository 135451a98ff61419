#include "reconciler/forge/json.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "engine/model/writer.h"

namespace espalier::forge {

const Node* At(const Node& node, absl::string_view path) {
  const Node* found = &node;
  for (const absl::string_view key : absl::StrSplit(path, '.')) {
    if (found->type != Node::Type::kMap) return nullptr;
    found = found->Find(key);
    if (found == nullptr) return nullptr;
  }
  return found;
}

std::string TextAt(const Node& node, absl::string_view path) {
  const Node* const found = At(node, path);
  return found != nullptr && found->type == Node::Type::kString ? found->text : "";
}

std::int64_t NumberAt(const Node& node, absl::string_view path) {
  const Node* const found = At(node, path);
  std::int64_t number = 0;
  if (found == nullptr || found->type != Node::Type::kNumber ||
      !absl::SimpleAtoi(found->text, &number)) {
    return 0;
  }
  return number;
}

bool TrueAt(const Node& node, absl::string_view path) {
  const Node* const found = At(node, path);
  return found != nullptr && found->type == Node::Type::kBool && found->text == "true";
}

std::string Quoted(absl::string_view text) {
  std::string json;
  AppendJsonString(text, json);
  return json;
}

std::string Object(const std::vector<std::pair<absl::string_view, std::string>>& members) {
  std::vector<std::string> parts;
  for (const auto& [name, value] : members) {
    if (!value.empty()) parts.push_back(absl::StrCat(Quoted(name), ":", value));
  }
  return absl::StrCat("{", absl::StrJoin(parts, ","), "}");
}

std::string List(const std::vector<std::string>& values) {
  return absl::StrCat("[", absl::StrJoin(values, ","), "]");
}

}  // namespace espalier::forge
