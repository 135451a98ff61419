#include "tests/support/golden.h"

#include <cstdlib>
#include <fstream>
#include <sstream>

namespace espalier {

bool UpdatesGoldens() {
  const char* wanted = std::getenv("ESPALIER_UPDATE_GOLDEN");
  return wanted != nullptr && std::string(wanted) == "1";
}

std::string Golden(const std::string& name, const std::string& actual) {
  const std::string path = "tests/golden/" + name;
  if (UpdatesGoldens()) std::ofstream(path, std::ios::binary) << actual;
  std::stringstream bytes;
  bytes << std::ifstream(path, std::ios::binary).rdbuf();
  return bytes.str();
}

}  // namespace espalier
