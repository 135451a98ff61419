#include "engine/base/status.h"

#include <gtest/gtest.h>

namespace espalier {
namespace {

absl::StatusOr<int> Twice(absl::StatusOr<int> value) {
  ESPALIER_ASSIGN_OR_RETURN(const int number, std::move(value));
  return 2 * number;
}

absl::Status First(const absl::Status& a, const absl::Status& b) {
  ESPALIER_RETURN_IF_ERROR(a);
  ESPALIER_RETURN_IF_ERROR(b);
  return absl::OkStatus();
}

TEST(StatusTest, AnnotateKeepsCodeAndPayload) {
  absl::Status status = absl::NotFoundError("no file");
  status.SetPayload("key", absl::Cord("value"));
  const absl::Status annotated = Annotate(status, "read config");
  EXPECT_EQ(annotated.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(annotated.message(), "read config: no file");
  EXPECT_EQ(annotated.GetPayload("key"), absl::Cord("value"));
  EXPECT_TRUE(Annotate(absl::OkStatus(), "read").ok());
}

TEST(StatusTest, MacrosPassErrorsUpwards) {
  EXPECT_EQ(Twice(21).value(), 42);
  EXPECT_TRUE(absl::IsAborted(Twice(absl::AbortedError("x")).status()));
  EXPECT_TRUE(First(absl::OkStatus(), absl::OkStatus()).ok());
  EXPECT_TRUE(absl::IsAborted(First(absl::OkStatus(), absl::AbortedError("x"))));
  EXPECT_TRUE(absl::IsInternal(First(absl::InternalError("y"), absl::AbortedError("x"))));
}

}  // namespace
}  // namespace espalier
