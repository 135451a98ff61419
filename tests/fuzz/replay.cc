// A fuzz target without a fuzzer: runs it once over every file of the given folders.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "engine/base/io.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

int main(int argc, char** argv) {
  const std::unique_ptr<espalier::Io> io = espalier::MakeRealIo();
  int files = 0;
  for (int i = 1; i < argc; ++i) {
    const auto names = io->List(argv[i]);
    if (!names.ok()) {
      std::fprintf(stderr, "%s\n", names.status().ToString().c_str());
      return 1;
    }
    for (const std::string& name : *names) {
      const auto bytes = io->ReadFile(absl::StrCat(argv[i], "/", name), 16 << 20);
      if (!bytes.ok()) return 1;
      LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(bytes->data()), bytes->size());
      ++files;
    }
  }
  std::printf("%d inputs\n", files);
  return files > 0 ? 0 : 1;
}
