#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "reconciler/git/fetch_child.h"

namespace espalier {
namespace {

TEST(FetchWireTest, CarriesRequestsWhateverTheirBytes) {
  const FetchRequest request = {.url = "https://forge.example/a",
                                .ref = "refs/heads/main",
                                .mirror = "/cache/with space\n/g1",
                                .username = "ana",
                                .password = "two\nlines \\ and \"quotes\"",
                                .max_bytes = 42};
  const absl::StatusOr<FetchRequest> read = DecodeFetchRequest(EncodeFetchRequest(request));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->url, request.url);
  EXPECT_EQ(read->ref, request.ref);
  EXPECT_EQ(read->mirror, request.mirror);
  EXPECT_EQ(read->username, request.username);
  EXPECT_EQ(read->password, request.password);
  EXPECT_EQ(read->max_bytes, 42);
}

TEST(FetchWireTest, CarriesAnswersAndErrors) {
  const std::string commit(40, 'a');
  EXPECT_EQ(*DecodeFetchAnswer(EncodeFetchAnswer(commit)), commit);
  const absl::Status error = absl::NotFoundError("no ref\nat all");
  EXPECT_EQ(DecodeFetchAnswer(EncodeFetchAnswer(error)).status(), error);
}

TEST(FetchWireTest, RefusesWhatAChildThatBrokeMayHaveWritten) {
  for (const char* text :
       {"", "code\n", "code 0\n", "code 0\ncommit main\n", "code x\n", "code 0\ncommit \\q\n"}) {
    EXPECT_EQ(DecodeFetchAnswer(text).status().code(), absl::StatusCode::kInternal) << text;
  }
  EXPECT_FALSE(DecodeFetchRequest("url x\n").ok());
}

}  // namespace
}  // namespace espalier
