// What Registry promises, checked with the real client against a real registry and with the fake.
#include "engine/oci/registry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "engine/base/executor.h"
#include "engine/net/http.h"
#include "engine/oci/blob.h"
#include "engine/oci/digest.h"
#include "engine/oci/documents.h"
#include "engine/oci/fake_registry.h"
#include "tests/support/docker_registry.h"
#include "tests/support/temp_dir.h"

namespace espalier::oci {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;

enum class Kind { kReal, kFake };

// One registry for all tests: it takes a while to start. Each test has a repository of its own.
class RealRegistry {
 public:
 private:
  TempDir dir_;
  const std::unique_ptr<Clock> clock_ = MakeRealClock();
  const std::unique_ptr<Io> io_ = MakeRealIo();
  Random random_{1};
  const std::unique_ptr<Http> http_ = MakeHttp();

 public:
  const absl::StatusOr<std::unique_ptr<DockerRegistry>> server =
      DockerRegistry::Start(*clock_, *io_, dir_.path());
  const std::unique_ptr<Registry> client = MakeRegistry(*clock_, random_, *http_, nullptr);
};

class RegistryTest : public testing::TestWithParam<Kind> {
 protected:
  static void SetUpTestSuite() { real_ = std::make_unique<RealRegistry>(); }
  static void TearDownTestSuite() { real_.reset(); }

  void SetUp() override {
    std::string host = "127.0.0.1:1";
    if (GetParam() == Kind::kReal) {
      const RealRegistry& real = *real_;
      if (absl::IsNotFound(real.server.status())) GTEST_SKIP() << "no docker-registry here";
      ASSERT_TRUE(real.server.ok()) << real.server.status();
      registry_ = real.client.get();
      host = (*real.server)->address();
    } else {
      registry_ = &fake_;
    }
    reference_ =
        ParseReference(absl::StrCat(host, "/test/repository-", ++repositories_, ":v1")).value();
  }

  Descriptor Put(absl::string_view type, absl::string_view bytes) {
    return StoreBlob(*registry_, reference_, type, bytes).value();
  }
  std::string PutImage(absl::string_view content, const Reference& reference) {
    Manifest manifest;
    manifest.media_type = kManifestType;
    manifest.config = Put(kConfigType, R"({"os":"linux","architecture":"amd64"})");
    manifest.layers = {Put("application/x", content)};
    manifest.layers[0].annotations = {{"a", "b"}};
    return registry_->PutManifest(reference, kManifestType, WriteManifest(manifest)).value();
  }
  std::string Read(const Descriptor& blob, std::int64_t offset) {
    std::string bytes;
    const absl::Status status =
        registry_->GetBlob(reference_, blob, offset, 0, [&](absl::string_view more) {
          absl::StrAppend(&bytes, more);
          return absl::OkStatus();
        });
    EXPECT_TRUE(status.ok()) << status;
    return bytes;
  }

  static inline std::unique_ptr<RealRegistry> real_;
  // Each test has a repository of its own.
  static inline int repositories_ = 0;
  FakeRegistry fake_;
  Registry* registry_ = nullptr;
  Reference reference_;
};

INSTANTIATE_TEST_SUITE_P(All, RegistryTest, testing::Values(Kind::kReal, Kind::kFake),
                         [](const auto& info) {
                           return info.param == Kind::kReal ? "Real" : "Fake";
                         });

TEST_P(RegistryTest, GivesBackWhatItGot) {
  const std::string digest = PutImage("content", reference_);
  for (const Reference& reference : {reference_, reference_.WithDigest(digest)}) {
    const Manifest manifest = registry_->GetManifest(reference, "").value();
    EXPECT_EQ(manifest.digest, digest);
    EXPECT_EQ(manifest.media_type, kManifestType);
    EXPECT_EQ(DigestOf(manifest.bytes), digest);
    ASSERT_EQ(manifest.layers.size(), 1u);
    EXPECT_EQ(manifest.layers[0].size, 7);
    EXPECT_THAT(manifest.layers[0].annotations, ElementsAre(testing::Pair("a", "b")));
    EXPECT_EQ(Read(manifest.layers[0], 0), "content");
  }
}

TEST_P(RegistryTest, ReadsBlobsFromAnOffset) {
  std::string content;
  for (int i = 0; i < 100000; ++i) absl::StrAppend(&content, i, " ");
  const Descriptor blob = Put("application/x", content);
  EXPECT_EQ(Read(blob, 0), content);
  EXPECT_EQ(Read(blob, 1234), content.substr(1234));
  EXPECT_EQ(Read(blob, blob.size), "");
}

TEST_P(RegistryTest, KnowsItsBlobs) {
  const Descriptor blob = Put("application/x", "here");
  EXPECT_TRUE(registry_->HasBlob(reference_, blob.digest).value());
  EXPECT_FALSE(registry_->HasBlob(reference_, DigestOf("elsewhere")).value());
}

TEST_P(RegistryTest, SaysNotFound) {
  EXPECT_TRUE(absl::IsNotFound(registry_->GetManifest(reference_, "").status()));
  EXPECT_TRUE(absl::IsNotFound(registry_->ListTags(reference_).status()));
  PutImage("content", reference_);
  EXPECT_TRUE(
      absl::IsNotFound(registry_->GetManifest(reference_.WithDigest(DigestOf("no")), "").status()));
  const Descriptor missing{"application/x", DigestOf("no"), 2, {}};
  EXPECT_TRUE(absl::IsNotFound(registry_->GetBlob(
      reference_, missing, 0, 0, [](absl::string_view) { return absl::OkStatus(); })));
}

TEST_P(RegistryTest, RefusesBlobsWithAnotherDigest) {
  const Descriptor lie{"application/x", DigestOf("truth"), 3, {}};
  EXPECT_FALSE(
      registry_
          ->PutBlob(reference_, lie,
                    [](std::int64_t offset, std::size_t size) -> absl::StatusOr<std::string> {
                      return std::string("lie").substr(offset, size);
                    })
          .ok());
  EXPECT_FALSE(registry_->HasBlob(reference_, lie.digest).value());
}

TEST_P(RegistryTest, RefusesAManifestWhoseBlobsAreMissing) {
  Manifest manifest;
  manifest.media_type = kManifestType;
  manifest.config = {kConfigType, DigestOf("no"), 2, {}};
  EXPECT_FALSE(registry_->PutManifest(reference_, kManifestType, WriteManifest(manifest)).ok());
}

TEST_P(RegistryTest, FollowsAnIndexToTheArchitecture) {
  Reference by_digest = reference_;
  by_digest.tag = "a";
  const std::string amd64 = PutImage("for amd64", by_digest);
  by_digest.tag = "b";
  const std::string arm64 = PutImage("for arm64", by_digest);
  const auto size = [&](const std::string& digest) {
    return registry_->GetManifest(reference_.WithDigest(digest), "").value().bytes.size();
  };
  const auto entry = [&](const std::string& digest, const std::string& arch) {
    return absl::StrCat(R"({"mediaType":")", kManifestType, R"(","digest":")", digest,
                        R"(","size":)", size(digest),
                        R"(,"platform":{"os":"linux","architecture":")", arch, R"("}})");
  };
  const std::string index =
      absl::StrCat(R"({"schemaVersion":2,"mediaType":")", kIndexType, R"(","manifests":[)",
                   entry(amd64, "amd64"), ",", entry(arm64, "arm64"), "]}");
  ASSERT_TRUE(registry_->PutManifest(reference_, kIndexType, index).ok());
  EXPECT_EQ(registry_->GetManifest(reference_, "arm64").value().digest, arm64);
  EXPECT_EQ(registry_->GetManifest(reference_, "amd64").value().digest, amd64);
  EXPECT_TRUE(absl::IsNotFound(registry_->GetManifest(reference_, "riscv64").status()));
  EXPECT_TRUE(absl::IsFailedPrecondition(registry_->GetManifest(reference_, "").status()));
}

TEST_P(RegistryTest, ListsTagsAndRepositories) {
  PutImage("one", reference_);
  Reference other = reference_;
  other.tag = "v2";
  PutImage("two", other);
  EXPECT_THAT(registry_->ListTags(reference_).value(), testing::UnorderedElementsAre("v1", "v2"));
  EXPECT_THAT(registry_->ListRepositories(reference_.registry).value(),
              Contains(reference_.repository));
}

TEST_P(RegistryTest, ASinkEndsTheBlob) {
  const Descriptor blob = Put("application/x", std::string(1 << 20, 'x'));
  EXPECT_TRUE(absl::IsCancelled(registry_->GetBlob(
      reference_, blob, 0, 0, [](absl::string_view) { return absl::CancelledError("enough"); })));
}

}  // namespace
}  // namespace espalier::oci
