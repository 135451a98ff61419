#include "engine/load/edit_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"

namespace espalier {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr char kVm[] =
    "apiVersion: espalier/v1\n"
    "kind: Vm\n"
    "metadata:\n"
    "  name: build  # the one\n"
    "  namespace: ci\n"
    "  labels: {team: ios, 'purpose': \"b, c\"}\n"
    "spec:\n"
    "  # How big it is.\n"
    "  image: registry.example/macos:14\n"
    "  cpu: 4    # cores\n"
    "\n"
    "  memory_mib: 8192\n"
    "  ports:\n"
    "    http:\n"
    "      guest: 80\n"
    "    ssh: {guest: 22}\n"
    "  power: on\n";

Ref Build() { return {Kind::kVm, "ci", "build"}; }

// The new text, or what is wrong with the first edit that was not done.
std::string Edited(const std::string& text, const std::vector<FieldEdit>& fields,
                   const std::string& path = "fleet.yaml", const Ref& object = Build()) {
  const auto edited = EditFile({path, text}, {{object, fields}});
  if (!edited.ok()) return edited.status().ToString();
  for (const FieldEdited& field : edited->objects.front()) {
    if (!field.done.ok()) return std::string(field.done.message());
  }
  return edited->bytes;
}

// `text` with one part of it in place of another.
std::string With(absl::string_view text, absl::string_view before, absl::string_view after) {
  EXPECT_NE(text.find(before), absl::string_view::npos) << before;
  std::string changed(text);
  changed.replace(changed.find(std::string(before)), before.size(), std::string(after));
  return changed;
}

TEST(EditFileTest, ChangesNothingButTheValue) {
  const struct {
    const char* name;
    FieldEdit edit;
    const char* before;
    const char* after;
  } rows[] = {
      {"a number before a comment", {"spec.cpu", "8"}, "cpu: 4 ", "cpu: 8 "},
      {"a word", {"spec.power", "\"off\""}, "power: on", "power: off"},
      {"plain text", {"spec.image", "\"registry.example/macos:15\""}, "macos:14", "macos:15"},
      {"in braces", {"metadata.labels[team]", "\"tvos\""}, "team: ios", "team: tvos"},
      {"in quotes", {"metadata.labels[purpose]", "\"x\""}, "\"b, c\"", "\"x\""},
      {"what needs quotes", {"metadata.labels[team]", "\"1\""}, "team: ios", "team: \"1\""},
      {"deep down", {"spec.ports[http].guest", "8080"}, "guest: 80\n", "guest: 8080\n"},
      {"deep down in braces", {"spec.ports[ssh].guest", "23"}, "guest: 22", "guest: 23"},
      {"new in a map", {"spec.disk_gib", "90"}, "power: on\n", "power: on\n  disk_gib: 90\n"},
      {"new in braces", {"metadata.labels[tier]", "\"a b\""}, "\"b, c\"}", "\"b, c\", tier: a b}"},
      {"a new map",
       {"metadata.annotations[note]", "\"x\""},
       "\"b, c\"}\n",
       "\"b, c\"}\n  annotations:\n    note: x\n"},
      {"a new message",
       {"spec.ports[vnc].guest", "5900"},
       "    ssh: {guest: 22}\n",
       "    ssh: {guest: 22}\n    vnc:\n      guest: 5900\n"},
      {"gone, with its comment", {"spec.cpu", {}}, "  cpu: 4    # cores\n", ""},
      {"gone at the end", {"spec.power", {}}, "  power: on\n", ""},
      {"gone from braces", {"metadata.labels[team]", {}}, "team: ios, ", ""},
      {"the last one gone from braces",
       {"metadata.labels[purpose]", {}},
       ", 'purpose': \"b, c\"",
       ""},
      {"with the map that held it",
       {"spec.ports[http].guest", {}},
       "    http:\n      guest: 80\n",
       ""},
      {"what is not there", {"spec.ttl_seconds", {}}, "spec", "spec"},
      {"what stands there", {"spec.cpu", "4"}, "spec", "spec"},
  };
  for (const auto& row : rows) {
    std::string text = kVm;
    std::string wanted = With(text, row.before, row.after);
    EXPECT_EQ(Edited(text, {row.edit}), wanted) << row.name;
    // The same with the line ends of Windows, and among other documents.
    text = absl::StrReplaceAll(text, {{"\n", "\r\n"}});
    wanted = absl::StrReplaceAll(wanted, {{"\n", "\r\n"}});
    EXPECT_EQ(Edited(text, {row.edit}), wanted) << row.name;
    const std::string before = "\xef\xbb\xbf# head\n--- # one\n" +
                               With(With(kVm, "ci", "qa"), "name: build", "name: build") + "---\n";
    const std::string after = "...\n---\n" + With(kVm, "name: build", "name: other") + "# foot";
    EXPECT_EQ(Edited(absl::StrCat(before, kVm, after), {row.edit}),
              absl::StrCat(before, With(kVm, row.before, row.after), after))
        << row.name;
  }
}

TEST(EditFileTest, WorksAtTheEndOfAFileWithoutALineEnd) {
  std::string text = kVm;
  text.pop_back();
  EXPECT_EQ(Edited(text, {{"spec.disk_gib", "90"}}), text + "\n  disk_gib: 90");
  EXPECT_EQ(Edited(text, {{"spec.power", {}}}), With(text, "\n  power: on", ""));
}

TEST(EditFileTest, KeepsTheHabitsOfTheDocument) {
  const std::string wide =
      "apiVersion: espalier/v1\nkind: ImageCache\nmetadata:\n    name: c\nspec:\n    images:\n"
      "      - a   # first\n      - \"b\"\n      # why c\n      - 'c'\n    host_labels:\n"
      "        'é ü': \"日本\" # kanji\n";
  const Ref cache{Kind::kImageCache, "", "c"};
  const struct {
    const char* name;
    FieldEdit edit;
    const char* before;
    const char* after;
  } rows[] = {
      {"item replaced", {"spec.images", R"(["a","x","c"])"}, "- \"b\"", "- \"x\""},
      {"item added behind",
       {"spec.images", R"(["a","b","c","d"])"},
       "      - 'c'\n",
       "      - 'c'\n      - d\n"},
      {"item added within",
       {"spec.images", R"(["a","m","b","c"])"},
       "# first\n",
       "# first\n      - m\n"},
      {"item added before",
       {"spec.images", R"(["m","a","b","c"])"},
       "      - a ",
       "      - m\n      - a "},
      {"item gone", {"spec.images", R"(["b","c"])"}, "      - a   # first\n", ""},
      {"last item gone", {"spec.images", R"(["a","b"])"}, "      - 'c'\n", ""},
      {"beyond ASCII", {"spec.host_labels[é ü]", "\"中 文\""}, "日本", "中 文"},
      {"a map",
       {"metadata.labels[a.b/c]", "\"yes\""},
       "    name: c\n",
       "    name: c\n    labels:\n        a.b/c: \"yes\"\n"},
  };
  for (const auto& row : rows) {
    EXPECT_EQ(Edited(wide, {row.edit}, "c.yaml", cache), With(wide, row.before, row.after))
        << row.name;
  }
  EXPECT_EQ(Edited(wide, {{"spec.host_labels[é ü]", {}}, {"spec.hosts", R"(["m1","m2"])"}},
                   "c.yaml", cache),
            With(wide, "    host_labels:\n        'é ü': \"日本\" # kanji\n",
                 "    hosts:\n      - m1\n      - m2\n"));
}

TEST(EditFileTest, ReadsBracesOverSeveralLines) {
  const std::string text =
      "apiVersion: espalier/v1\nkind: ImageCache\nmetadata: {name: c, labels: {\n"
      "    a: x, # one\n    b: it's, # two\n    c: z  # three\n  }}\n"
      "spec: {all_hosts: true, images: [a,\n  b, # two\n  c,\n  ]}\n";
  const Ref cache{Kind::kImageCache, "", "c"};
  const struct {
    FieldEdit edit;
    const char* before;
    const char* after;
  } rows[] = {
      {{"metadata.labels[a]", {}}, "    a: x, # one\n", ""},
      {{"metadata.labels[b]", {}}, "    b: it's, # two\n", ""},
      {{"metadata.labels[c]", {}}, ", # two\n    c: z  # three\n", " # two\n"},
      {{"metadata.labels[d]", "\"w\""}, "c: z  # three\n", "c: z,  # three\n    d: w\n"},
      {{"metadata.labels[b]", "\"a, b\""}, "b: it's", "b: \"a, b\""},
      {{"spec.images", R"(["a","b","c","d"])"}, "  c,\n", "  c,\n  d,\n"},
      {{"spec.images", R"(["a","b"])"}, "  c,\n", ""},
      {{"spec.images", R"(["a","c"])"}, "  b, # two\n", ""},
  };
  for (const auto& row : rows) {
    EXPECT_EQ(Edited(text, {row.edit}, "c.yaml", cache), With(text, row.before, row.after))
        << row.edit.path;
  }
}

TEST(EditFileTest, EditsTextOverSeveralLines) {
  const std::string text = With(kVm, "  power: on\n",
                                "  guest_metadata:\n    a: |  # keep\n      one\n       two\n\n"
                                "    b: >-\n      folded\n      text\n    c: plain\n      goes on\n"
                                "    d: \"x\\\n      y\"\n");
  EXPECT_EQ(Edited(text, {{"spec.guest_metadata[a]", R"("1\n\n 2\n3\n")"}}),
            With(text, "      one\n       two\n", "      1\n\n       2\n      3\n"));
  EXPECT_EQ(Edited(text, {{"spec.guest_metadata[a]", R"("no end")"}}),
            With(text, "|  # keep\n      one\n       two\n", "|-  # keep\n      no end\n"));
  EXPECT_EQ(Edited(text, {{"spec.guest_metadata[a]", R"(" spaces\n")"}}),
            With(text, "|  # keep\n      one\n       two\n", "\" spaces\\n\"  # keep\n"));
  EXPECT_EQ(Edited(text, {{"spec.guest_metadata[b]", R"("a\nb")"}}),
            With(text, ">-\n      folded\n      text\n", "|-\n      a\n      b\n"));
  EXPECT_EQ(Edited(text, {{"spec.guest_metadata[c]", R"("short")"}}),
            With(text, "plain\n      goes on\n", "short\n"));
  EXPECT_EQ(Edited(text, {{"spec.guest_metadata[d]", R"("z")"}}),
            With(text, "\"x\\\n      y\"\n", "\"z\"\n"));
}

TEST(EditFileTest, EditsJson) {
  const std::string text =
      "{\n  \"apiVersion\": \"espalier/v1\",\n  \"kind\": \"ImageCache\",\n"
      "  \"metadata\": {\"name\": \"c\"},\n  \"spec\": {\n    \"all_hosts\": true,\n    "
      "\"images\": [\"a\", \"b\"]\n  }\n}\n";
  const Ref cache{Kind::kImageCache, "", "c"};
  EXPECT_EQ(Edited(text, {{"spec.images", R"(["a","b","c"])"}}, "c.json", cache),
            With(text, "\"b\"]", "\"b\", \"c\"]"));
  EXPECT_EQ(Edited(text, {{"spec.all_hosts", {}}, {"spec.hosts", R"(["m"])"}}, "c.json", cache),
            With(With(text, "\"b\"]\n", "\"b\"],\n    \"hosts\": [\"m\"]\n"),
                 "    \"all_hosts\": true,\n", ""));
  EXPECT_EQ(Edited(text, {{"metadata.labels[a]", "\"x\""}}, "c.json", cache),
            With(text, "\"c\"}", "\"c\", \"labels\": {\"a\": \"x\"}}"));
  EXPECT_EQ(Edited(text, {{"spec.images", R"(["a"])"}}, "c.json", cache),
            With(text, ", \"b\"", ""));
}

TEST(EditFileTest, MakesSeveralEditsAndSaysWhereTheyStand) {
  const auto edited = EditFile({"fleet.yaml", absl::StrCat("# one\n---\n", kVm)},
                               {{Build(),
                                 {{"metadata.labels[team]", {}},
                                  {"metadata.labels[purpose]", {}},
                                  {"metadata.labels[new]", "\"x\""},
                                  {"spec.cpu", "8"},
                                  {"spec.ports", "3"}}}});
  ASSERT_TRUE(edited.ok()) << edited.status();
  EXPECT_THAT(edited->bytes, HasSubstr("  labels: {new: x}\n"));
  EXPECT_THAT(edited->bytes, HasSubstr("cpu: 8    # cores\n"));
  const std::vector<FieldEdited>& fields = edited->objects.front();
  std::vector<int> lines;
  lines.reserve(fields.size());
  for (const FieldEdited& field : fields) lines.push_back(field.line);
  EXPECT_THAT(lines, ElementsAre(8, 8, 8, 12, 16));
  EXPECT_TRUE(fields[3].done.ok());
  EXPECT_THAT(fields[4].done.message(), HasSubstr("another shape"));
}

TEST(EditFileTest, LeavesAloneWhatItCannotDo) {
  EXPECT_THAT(Edited(kVm, {{"spec.cpu", "8"}}, "fleet.yaml", {Kind::kVm, "ci", "other"}),
              HasSubstr("not declared here"));
  EXPECT_THAT(Edited(absl::StrCat(kVm, "---\n", kVm), {{"spec.cpu", "8"}}),
              HasSubstr("declared twice"));
  EXPECT_THAT(Edited(kVm, {{"spec.image", {}}}), HasSubstr("would not be valid"));
  EXPECT_THAT(Edited(With(kVm, "cpu: 4", "cpu: &a 4"), {{"spec.cpu", "8"}}), HasSubstr("anchors"));
  EXPECT_THAT(Edited(With(kVm, "cpu: 4", "cpuu: 4"), {{"spec.cpu", "8"}}), HasSubstr("cpuu"));
}

}  // namespace
}  // namespace espalier
