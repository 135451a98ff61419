// The file that most repositories of tests hold. Pure.
#pragma once

#include <string>

#include "absl/strings/str_cat.h"

namespace espalier {

inline std::string ImageYaml(const std::string& name, const std::string& tag = "1") {
  return absl::StrCat("apiVersion: espalier/v1\nkind: Image\nmetadata:\n  name: ", name,
                      "\nspec:\n  reference: registry.example/", name, ":", tag, "\n");
}

}  // namespace espalier
