#include "provider/private_data.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>

namespace espalier::provider {
namespace {

TEST(PrivateDataTest, ComesBack) {
  for (const Takeover takeover : {Takeover::kNone, Takeover::kAdopt, Takeover::kTransfer}) {
    for (const std::int64_t generation :
         {std::int64_t{0}, std::int64_t{1}, std::numeric_limits<std::int64_t>::max()}) {
      const PrivateData data{.takeover = takeover, .generation = generation};
      EXPECT_EQ(PrivateDataFrom(ToText(data)), data) << ToText(data);
    }
  }
  EXPECT_EQ(ToText({}), "");
}

TEST(PrivateDataTest, WhatItDoesNotKnowSaysNothing) {
  for (const char* text : {"", " ", "adopted", "generation=", "generation=-1", "generation=1x",
                           "generation=99999999999999999999", "{\"generation\": 7}", "\xff\0"}) {
    EXPECT_EQ(PrivateDataFrom(text), PrivateData()) << text;
  }
  const PrivateData known{.takeover = Takeover::kTransfer, .generation = 7};
  EXPECT_EQ(PrivateDataFrom("later=1 transfer generation=7 more"), known);
}

}  // namespace
}  // namespace espalier::provider
