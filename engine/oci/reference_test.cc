#include "engine/oci/reference.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"

namespace espalier::oci {
namespace {

TEST(ReferenceTest, TakesItApart) {
  const std::string digest = absl::StrCat("sha256:", std::string(64, 'a'));
  struct Case {
    std::string text, registry, repository, tag, digest, again;
  };
  const Case cases[] = {
      {"registry.example:5000/macos/sonoma:14.6", "registry.example:5000", "macos/sonoma", "14.6",
       "", "registry.example:5000/macos/sonoma:14.6"},
      {"localhost/a", "localhost", "a", "latest", "", "localhost/a:latest"},
      {"[::1]:5000/a.b/c__d-e:T_1", "[::1]:5000", "a.b/c__d-e", "T_1", "",
       "[::1]:5000/a.b/c__d-e:T_1"},
      {"ghcr.io/x/y@" + digest, "ghcr.io", "x/y", "", digest, "ghcr.io/x/y@" + digest},
      {"ghcr.io/x/y:v1@" + digest, "ghcr.io", "x/y", "v1", digest, "ghcr.io/x/y@" + digest},
  };
  for (const Case& c : cases) {
    const auto reference = ParseReference(c.text);
    ASSERT_TRUE(reference.ok()) << reference.status();
    EXPECT_EQ(reference->registry, c.registry);
    EXPECT_EQ(reference->repository, c.repository);
    EXPECT_EQ(reference->tag, c.tag);
    EXPECT_EQ(reference->digest, c.digest);
    EXPECT_EQ(reference->ToString(), c.again);
  }
}

TEST(ReferenceTest, RefusesEverythingElse) {
  const std::string hex(64, 'a');
  for (const std::string& text : std::vector<std::string>{"",
                                                          "ubuntu",
                                                          "ubuntu:24.04",
                                                          "macos/sonoma:14",
                                                          "/a",
                                                          "ghcr.io/",
                                                          "ghcr.io//a",
                                                          "ghcr.io/A",
                                                          "ghcr.io/a..b",
                                                          "ghcr.io/a/../b",
                                                          "ghcr.io/-a",
                                                          "ghcr.io/a-",
                                                          "ghcr.io/a:",
                                                          "ghcr.io/a:.x",
                                                          "ghcr.io/a:x/y",
                                                          "ghcr.io/a:" + std::string(129, 'x'),
                                                          "ghcr.io/a@sha256:" + hex.substr(1),
                                                          "ghcr.io/a@sha512:" + hex + hex,
                                                          "ghcr.io/a@sha256:" + hex + "@",
                                                          "ghcr.io:0/a",
                                                          "ghcr.io:99999/a",
                                                          "ghcr.io:+1/a",
                                                          "ghcr.io:/a",
                                                          "user@ghcr.io/a",
                                                          "gh cr.io/a",
                                                          "ghcr.io/a b",
                                                          "ghcr.io/a%2fb",
                                                          "https://ghcr.io/a",
                                                          "[::1/a",
                                                          "-x.io/a",
                                                          "ghcr.io/" + std::string(300, 'a'),
                                                          std::string("ghcr.io/a\0b", 11),
                                                          "ghcr.io/a\n"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(ParseReference(text).status())) << text;
  }
}

}  // namespace
}  // namespace espalier::oci
