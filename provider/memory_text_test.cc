#include "provider/memory_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace espalier::provider {
namespace {

using ::testing::HasSubstr;

TEST(MemoryTextTest, CountsMebibytesExactly) {
  struct Case {
    const char* text;
    std::int64_t mib;
  };
  const Case cases[] = {
      {"12GiB", 12288},
      {"12 GiB", 12288},
      {"1.5GiB", 1536},
      {"0.5TiB", 524288},
      {"512MiB", 512},
      {"0MiB", 0},
      {"012MiB", 12},
      {"1.0MiB", 1},
      {"1048576B", 1},
      {"2048KiB", 2},
      // A double would have rounded it: 2^53 - 1.
      {"9007199254740991MiB", 9007199254740991},
      {"9007199254740992MiB", 9007199254740992},
      {"0.0009765625GiB", 1},
  };
  for (const Case& c : cases) {
    const absl::StatusOr<std::int64_t> mib = MebibytesFromText(c.text);
    ASSERT_TRUE(mib.ok()) << c.text << ": " << mib.status();
    EXPECT_EQ(*mib, c.mib) << c.text;
  }
}

TEST(MemoryTextTest, RefusesWhatIsNotExact) {
  struct Case {
    const char* text;
    const char* why;
  };
  const Case cases[] = {
      {"", "does not begin with a number"},
      {"GiB", "does not begin with a number"},
      {"-1GiB", "does not begin with a number"},
      {"+1GiB", "does not begin with a number"},
      {" 1GiB", "does not begin with a number"},
      {".5GiB", "does not begin with a number"},
      {"4096", "has no unit"},
      {"12GB", "none of B, KiB, MiB, GiB and TiB"},
      {"12G", "none of B, KiB, MiB, GiB and TiB"},
      {"12gib", "none of B, KiB, MiB, GiB and TiB"},
      {"12GiBs", "none of B, KiB, MiB, GiB and TiB"},
      {"12  GiB", "none of B, KiB, MiB, GiB and TiB"},
      {"1e3MiB", "none of B, KiB, MiB, GiB and TiB"},
      {"1.GiB", "none of B, KiB, MiB, GiB and TiB"},
      {"1.2.3GiB", "none of B, KiB, MiB, GiB and TiB"},
      {"1000B", "not a whole number of MiB"},
      {"1.1MiB", "not a whole number of MiB"},
      {"0.3GiB", "not a whole number of MiB"},
      {"1.0000000000001TiB", "not a whole number of MiB"},
      {"9007199254740993MiB", "more than 2^53 MiB"},
      {"999999999999999999TiB", "more than 2^53 MiB"},
      {"1234567890123456789MiB", "more digits"},
      {"12\nGiB", "none of B"},
  };
  for (const Case& c : cases) {
    const absl::Status status = MebibytesFromText(c.text).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << c.text;
    EXPECT_THAT(std::string(status.message()), HasSubstr(c.why)) << c.text;
  }
}

}  // namespace
}  // namespace espalier::provider
