#include "engine/model/testing/read.h"

#include <cstdio>

#include "absl/strings/str_cat.h"
#include "engine/base/check.h"
#include "engine/model/codec.h"

namespace espalier {

Resource Make(const std::string& title, absl::string_view spec) {
  Problems problems;
  const std::string json = absl::StrCat("{\"apiVersion\":\"espalier/v1\",\"kind\":\"", title,
                                        "\",\"metadata\":{\"name\":\"it\"},\"spec\":", spec, "}");
  std::optional<Resource> resource;
  if (const std::optional<Node> node = ParseJson(json, "", problems); node.has_value()) {
    resource = Decode(*node, "", problems);
  }
  for (const Problem& problem : problems.list()) {
    std::fprintf(stderr, "%s\n", ToString(problem).c_str());
  }
  ESPALIER_CHECK(resource.has_value());
  return *resource;
}

std::vector<std::string> Lines(const Problems& problems) {
  std::vector<std::string> lines;
  for (Problem problem : problems.list()) {
    problem.clear_file();
    problem.clear_ref();
    lines.push_back(ToString(problem));
  }
  return lines;
}

}  // namespace espalier
