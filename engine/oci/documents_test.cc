#include "engine/oci/documents.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "engine/oci/digest.h"

namespace espalier::oci {
namespace {

const char kImage[] =
    R"({"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json",
        "config":{"mediaType":"c","digest":"sha256:@","size":2},
        "layers":[{"mediaType":"l","digest":"sha256:@","size":9007199254740992,
                   "annotations":{"a":"b"}}],
        "annotations":{"x":"y"}})";

std::string Filled(absl::string_view text) {
  return absl::StrReplaceAll(text, {{"@", std::string(64, 'a')}});
}

TEST(DocumentsTest, ReadsAManifestAndWritesItAgain) {
  const Document document = ParseDocument(Filled(kImage), kManifestType).value();
  EXPECT_FALSE(document.is_index);
  EXPECT_EQ(document.manifest.digest, DigestOf(Filled(kImage)));
  EXPECT_EQ(document.manifest.layers[0].size, std::int64_t{1} << 53);
  const std::string written = WriteManifest(document.manifest);
  const Manifest again = ParseDocument(written, kManifestType).value().manifest;
  EXPECT_EQ(WriteManifest(again), written);
  EXPECT_EQ(again.annotations.at("x"), "y");
}

TEST(DocumentsTest, ReadsDockersManifest) {
  const std::string bytes = Filled(
      R"({"schemaVersion":2,"config":{"mediaType":"c","digest":"sha256:@","size":2},"layers":[]})");
  EXPECT_TRUE(ParseDocument(bytes, absl::StrCat(kDockerManifestType, "; charset=utf-8")).ok());
}

TEST(DocumentsTest, RefusesWhatTwoReadersCouldReadDifferently) {
  struct Case {
    const char* name;
    std::string bytes;
    std::string type;
  };
  const std::string image = Filled(kImage);
  const Case cases[] = {
      {"no JSON", "{", kManifestType},
      {"no object", "[]", kManifestType},
      {"other type", image, kIndexType},
      {"no type", image, ""},
      {"unknown type", image, "text/html"},
      {"both kinds", absl::StrReplaceAll(image, {{"\"layers\"", "\"manifests\":[],\"layers\""}}),
       kManifestType},
      {"schema 1", absl::StrReplaceAll(image, {{"\"schemaVersion\":2", "\"schemaVersion\":1"}}),
       kManifestType},
      {"no layers", absl::StrReplaceAll(image, {{"layers", "leyers"}}), kManifestType},
      {"negative size", absl::StrReplaceAll(image, {{"\"size\":2", "\"size\":-2"}}), kManifestType},
      {"fractional size", absl::StrReplaceAll(image, {{"\"size\":2", "\"size\":2.5"}}),
       kManifestType},
      {"huge size", absl::StrReplaceAll(image, {{"9007199254740992", "9007199254740993"}}),
       kManifestType},
      {"wrong digest", absl::StrReplaceAll(image, {{"sha256:a", "sha256:A"}}), kManifestType},
      {"other algorithm", absl::StrReplaceAll(image, {{"sha256:", "sha512:"}}), kManifestType},
      {"annotation", absl::StrReplaceAll(image, {{"\"y\"", "7"}}), kManifestType},
  };
  for (const Case& c : cases) {
    EXPECT_TRUE(absl::IsFailedPrecondition(ParseDocument(c.bytes, c.type).status())) << c.name;
  }
}

TEST(DocumentsTest, ReadsTokens) {
  EXPECT_EQ(ParseToken(R"({"token":"a","expires_in":300})").value().expires_in_seconds, 300);
  EXPECT_EQ(ParseToken(R"({"access_token":"b"})").value().value, "b");
  EXPECT_EQ(ParseToken(R"({"access_token":"b"})").value().expires_in_seconds, 60);
  EXPECT_EQ(ParseToken(R"({"token":"a","expires_in":99999999999})").value().expires_in_seconds,
            86400);
  EXPECT_FALSE(ParseToken(R"({"token":7})").ok());
}

TEST(DocumentsTest, ReadsConfigsOfBothKinds) {
  EXPECT_EQ(ParseImageConfig(R"({"os":"linux","architecture":"amd64"})").value().arch, "amd64");
  EXPECT_EQ(ParseImageConfig(R"({"os":"darwin","arch":"arm64"})").value().arch, "arm64");
}

TEST(DocumentsTest, ReadsNames) {
  EXPECT_THAT(ParseNames(R"({"tags":["a","b"]})", "tags").value(), testing::ElementsAre("a", "b"));
  EXPECT_TRUE(ParseNames(R"({"tags":null})", "tags").value().empty());
  EXPECT_FALSE(ParseNames(R"({"tags":[1]})", "tags").ok());
}

}  // namespace
}  // namespace espalier::oci
