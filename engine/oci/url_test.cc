#include "engine/oci/url.h"

#include <gtest/gtest.h>

namespace espalier::oci {
namespace {

TEST(UrlTest, OnlyLoopbackRegistriesLeadToPlainHttpOrInwards) {
  EXPECT_EQ(RegistryUrl("127.0.0.1:5000").scheme, "http");
  EXPECT_EQ(RegistryUrl("127.0.0.1.evil.example").scheme, "https");
  EXPECT_EQ(RegistryUrl("registry.example").scheme, "https");
  const Url far = RegistryUrl("registry.example");
  const Url near = RegistryUrl("localhost:5000");
  struct Case {
    const char* to;
    bool from_far;
    bool from_near;
  };
  const Case cases[] = {
      {"https://cdn.example/", true, true},      {"http://cdn.example/", false, false},
      {"http://127.0.0.1:1/", false, true},      {"https://127.0.0.1/", false, true},
      {"https://169.254.169.254/", false, true}, {"https://[::1]/", false, true},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(MayFollow(far, ParseUrl(c.to).value()), c.from_far) << c.to;
    EXPECT_EQ(MayFollow(near, ParseUrl(c.to).value()), c.from_near) << c.to;
  }
}

}  // namespace
}  // namespace espalier::oci
