#include "tests/support/temp_dir.h"

#include <stdlib.h>

#include <filesystem>
#include <system_error>

#include "engine/base/check.h"

namespace espalier {

TempDir::TempDir() {
  std::error_code error;
  path_ = (std::filesystem::temp_directory_path(error) / "espalier-test-XXXXXX").string();
  ESPALIER_CHECK(!error);
  ESPALIER_CHECK(mkdtemp(path_.data()) != nullptr);
}

TempDir::~TempDir() {
  std::error_code error;
  std::filesystem::remove_all(path_, error);
}

}  // namespace espalier
