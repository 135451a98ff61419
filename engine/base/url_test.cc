#include "engine/base/url.h"

#include <gtest/gtest.h>

namespace espalier {
namespace {

TEST(UrlTest, TakesItApart) {
  const Url url = ParseUrl("HTTPS://Registry.example:5000/v2/a?b=c#d").value();
  EXPECT_EQ(url.ToString(), "https://registry.example:5000/v2/a?b=c");
  EXPECT_EQ(url.Host(), "registry.example");
  EXPECT_EQ(ParseUrl("https://x.example").value().target, "/");
  EXPECT_EQ(ParseUrl("https://[::1]:5000/").value().Host(), "::1");
  for (const char* text : {"", "x", "ftp://x/", "https://", "https://user@x/", "https://x/a b",
                           "https://x/\n", "https://x\\@y/", "https:/x"}) {
    EXPECT_FALSE(ParseUrl(text).ok()) << text;
  }
}

TEST(UrlTest, ResolvesLocations) {
  const Url base = ParseUrl("https://x.example/v2/a/list?n=1").value();
  struct Case {
    const char* location;
    const char* result;
  };
  const Case cases[] = {
      {"https://y.example/z", "https://y.example/z"},
      {"//y.example/z", "https://y.example/z"},
      {"/z?n=2", "https://x.example/z?n=2"},
      {"z", "https://x.example/v2/a/z"},
      {"?n=2", "https://x.example/v2/a/list?n=2"},
      {"/z?u=http://y/", "https://x.example/z?u=http://y/"},
  };
  for (const Case& c : cases) EXPECT_EQ(ResolveUrl(base, c.location).value().ToString(), c.result);
  EXPECT_FALSE(ResolveUrl(base, "").ok());
  EXPECT_FALSE(ResolveUrl(base, "javascript://x").ok());
}

TEST(UrlTest, KnowsOrigins) {
  const Url a = ParseUrl("https://x.example/1").value();
  EXPECT_TRUE(a.SameOrigin(ParseUrl("https://x.example:443/2").value()));
  EXPECT_FALSE(a.SameOrigin(ParseUrl("http://x.example/1").value()));
  EXPECT_FALSE(a.SameOrigin(ParseUrl("https://x.example:444/1").value()));
  EXPECT_FALSE(a.SameOrigin(ParseUrl("https://x.example.evil/1").value()));
}

TEST(UrlTest, EscapesForQueriesAndPaths) {
  EXPECT_EQ(QueryEscape("a/b:c d&"), "a/b:c%20d%26");
  EXPECT_EQ(PathEscape("team/fleet"), "team%2Ffleet");
  EXPECT_EQ(PathEscape("espalier[bot]"), "espalier%5Bbot%5D");
}

}  // namespace
}  // namespace espalier
