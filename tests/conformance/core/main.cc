// conformance_core [gtest's flags] ADDRESS SERVER_CERTIFICATE CERTIFICATE KEY [ENGINE TOKEN]: runs
// tests against a provider that has written its handshake line. tests/conformance/cases.py starts
// both.
#include <gtest/gtest.h>

#include <iostream>
#include <memory>

#include "tests/conformance/core/core.h"

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  if (argc != 5 && argc != 7) {
    std::cerr
        << "usage: conformance_core ADDRESS SERVER_CERTIFICATE CERTIFICATE KEY [ENGINE TOKEN]\n";
    return 2;
  }
  espalier::provider::SetTheCore(std::make_unique<espalier::provider::Core>(
      espalier::provider::CoreOptions{.address = {.socket = argv[1],
                                                  .server_certificate = argv[2],
                                                  .certificate_file = argv[3],
                                                  .key_file = argv[4]},
                                      .engine = argc == 7 ? argv[5] : "",
                                      .token = argc == 7 ? argv[6] : ""}));
  return RUN_ALL_TESTS();
}
