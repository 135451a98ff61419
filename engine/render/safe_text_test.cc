#include "engine/render/safe_text.h"

#include <gtest/gtest.h>

#include <string>

namespace espalier {
namespace {

TEST(SafeTextTest, TerminalsObeyNothing) {
  const struct {
    std::string name;
    std::string text;
    std::string shown;
  } rows[] = {
      {"plain", "vm ci/build \xc3\xa9 \xe2\x86\x92 \xf0\x9f\x8d\x8e",
       "vm ci/build \xc3\xa9 \xe2\x86\x92 \xf0\x9f\x8d\x8e"},
      {"colour", "a\x1b[31mb", "a?[31mb"},
      {"title", "\x1b]0;x\x07", "?]0;x?"},
      {"escape of one byte",
       "\xc2\x9b"
       "2J",
       "?2J"},
      {"lines", "a\nb\r\nc\td", "a b  c d"},
      {"backspace and delete", "a\x08\x7f", "a??"},
      {"zero", std::string("a\0b", 3), "a?b"},
      {"turned direction",
       "\xe2\x80\xae"
       "gpj.exe",
       "?gpj.exe"},
      {"isolates", "\xe2\x81\xa6x\xe2\x81\xa9", "?x?"},
      {"invisible",
       "a\xe2\x80\x8b"
       "b\xef\xbb\xbf"
       "c\xc2\xad",
       "a?b?c?"},
      {"tags", "\xf3\xa0\x81\x81", "?"},
      {"invalid UTF-8", "a\xff\xc3", "a??"},
      {"overlong", "\xc0\x9b", "??"},
  };
  for (const auto& row : rows) EXPECT_EQ(Printable(row.text), row.shown) << row.name;
}

TEST(SafeTextTest, MarkdownIsTextOnly) {
  const std::string zwsp = "\xe2\x80\x8b";
  const struct {
    std::string name;
    std::string text;
    std::string shown;
  } rows[] = {
      {"plain", "cpu 4 \xe2\x86\x92 8, (unset) = \"a-b.c\"",
       "cpu 4 \xe2\x86\x92 8, (unset) = \"a-b.c\""},
      {"cell", "a|b", "a\\|b"},
      {"escaped cell", "a\\|b", "a\\\\\\|b"},
      {"row", "a\n| b |", "a \\| b \\|"},
      {"code", "`rm`", "\\`rm\\`"},
      {"emphasis", "**a** __b__ ~~c~~", "\\*\\*a\\*\\* \\_\\_b\\_\\_ \\~\\~c\\~\\~"},
      {"underscores", "a_b a__b _c", "a_b a\\_\\_b \\_c"},
      {"HTML", "<img src=x> &lt;", "&lt;img src=x&gt; &amp;lt;"},
      {"comment", "<!-- x -->", "&lt;\\!-- x --&gt;"},
      {"link", "[a](b)", "\\[a\\](b)"},
      {"image", "![a](b)", "\\!\\[a\\](b)"},
      {"address", "https://e.example", "https:" + zwsp + "//e.example"},
      {"www", "www.e.example",
       "www"
       "." +
           zwsp},
      {"mention", "@ana and @org/team", "@" + zwsp + "ana and @" + zwsp + "org/team"},
      {"issue", "#12 a/b#3", "\\#" + zwsp + "12 a/b\\#" + zwsp + "3"},
      {"merge request", "!12", "\\!" + zwsp + "12"},
      {"heading", "# a", "\\# a"},
      {"formula", "$x$", "\\$x\\$"},
      {"escape", "\x1b[0m", "?\\[0m"},
  };
  for (const auto& row : rows) {
    if (row.name == "www") {
      EXPECT_EQ(MarkdownText(row.text).find("www.e"), std::string::npos);
    } else {
      EXPECT_EQ(MarkdownText(row.text), row.shown) << row.name;
    }
  }
}

TEST(SafeTextTest, ShortensByCharacters) {
  EXPECT_EQ(Shortened("abc", 3), "abc");
  EXPECT_EQ(Shortened("abcd", 3), "ab\xe2\x80\xa6");
  EXPECT_EQ(Shortened("\xc3\xa9\xc3\xa9\xc3\xa9", 2), "\xc3\xa9\xe2\x80\xa6");
  EXPECT_EQ(Shortened("", 1), "");
  EXPECT_EQ(Shortened("ab", 1), "\xe2\x80\xa6");
}

}  // namespace
}  // namespace espalier
