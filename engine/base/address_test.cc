#include "engine/base/address.h"

#include <string>

#include "gtest/gtest.h"

namespace espalier {
namespace {

TEST(AddressTest, ReadsWhatItWrites) {
  for (const std::string text : {"127.0.0.1:7443", "[::1]:0", "mac.example:65535"}) {
    const auto address = ParseAddress(text);
    ASSERT_TRUE(address.ok()) << address.status();
    EXPECT_EQ(address->ToString(), text);
  }
}

TEST(AddressTest, RefusesWhatIsNoHostAndPort) {
  for (const std::string text : {"", "host", ":80", "host:", "host:65536", "host:-1", "host:http",
                                 "::1:80", "[::1:80", "[]:80"}) {
    EXPECT_FALSE(ParseAddress(text).ok()) << text;
  }
}

TEST(AddressTest, KnowsWhatStaysOnTheMachine) {
  struct Row {
    const char* host;
    bool loopback;
  };
  for (const Row& row :
       {Row{"127.0.0.1", true}, Row{"127.9.9.9", true}, Row{"::1", true}, Row{"localhost", true},
        Row{"0.0.0.0", false}, Row{"::", false}, Row{"128.0.0.1", false},
        Row{"127.0.0.1.example", false}, Row{"localhost.example", false}, Row{"127.1", false}}) {
    EXPECT_EQ(IsLoopback(row.host), row.loopback) << row.host;
  }
}

}  // namespace
}  // namespace espalier
