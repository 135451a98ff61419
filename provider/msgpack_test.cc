#include "provider/msgpack.h"

#include <gtest/gtest.h>

#include <string>

#include "absl/strings/escaping.h"

namespace espalier::provider {
namespace {

Value Read(absl::string_view hex) {
  const absl::StatusOr<Value> value = ReadMsgpack(absl::HexStringToBytes(hex));
  EXPECT_TRUE(value.ok()) << hex << ": " << value.status();
  return value.ok() ? *value : Value::String("(error)");
}

std::string Written(const Value& value) { return absl::BytesToHexString(WriteMsgpack(value)); }

Value Decimal(absl::string_view text) { return Value::Of(*Number::Parse(text)); }

TEST(MsgpackTest, WritesNumbersAsCoreDoes) {
  struct {
    const char* number;
    const char* hex;
  } const kCases[] = {
      {"0", "00"},
      {"127", "7f"},
      {"128", "cc80"},
      {"-32", "e0"},
      {"-33", "d0df"},
      {"-129", "d1ff7f"},
      {"65536", "ce00010000"},
      {"9007199254740993", "cf0020000000000001"},
      {"-9223372036854775808", "d38000000000000000"},
      {"1.5", "cb3ff8000000000000"},
      {"0.1", "a3302e31"},
      {"9223372036854775808", "b339323233333732303336383534373735383038"},
  };
  for (const auto& test : kCases) {
    SCOPED_TRACE(test.number);
    EXPECT_EQ(Written(Decimal(test.number)), test.hex);
  }
}

TEST(MsgpackTest, ReadsEveryWidth) {
  EXPECT_EQ(Read("d3ffffffffffffffff"), Decimal("-1"));
  EXPECT_EQ(Read("d2ffffffff"), Decimal("-1"));
  EXPECT_EQ(Read("cfffffffffffffffff"), Decimal("18446744073709551615"));
  EXPECT_EQ(Read("ca3fc00000"), Decimal("1.5"));
  EXPECT_EQ(Read("d90161"), Value::String("a"));
  EXPECT_EQ(Read("da000161"), Value::String("a"));
  EXPECT_EQ(Read("db0000000161"), Value::String("a"));
  EXPECT_EQ(Read("dc0001c3"), Value::List({Value::Bool(true)}));
  EXPECT_EQ(Read("dd00000001c2"), Value::List({Value::Bool(false)}));
  EXPECT_EQ(Read("de0001a161c0"), Value::Map({{"a", Value()}}));
  EXPECT_EQ(Read("df00000001a161c0"), Value::Map({{"a", Value()}}));
}

TEST(MsgpackTest, SortsTheKeysOfMaps) {
  const Value map = Read("82a16202a16101");
  EXPECT_EQ(map.At("a"), Decimal("1"));
  EXPECT_EQ(map.At("b"), Decimal("2"));
  EXPECT_EQ(Written(map), "82a16101a16202");
}

TEST(MsgpackTest, TellsUnknownFromNull) {
  EXPECT_TRUE(Read("c0").is_null());
  EXPECT_TRUE(Read("d40000").is_unknown());
  EXPECT_EQ(Written(Value::Unknown()), "d40000");
  EXPECT_EQ(Written(Value()), "c0");
  // Any extension that is not understood is simply unknown, as in core.
  EXPECT_EQ(Read("d5630000"), Value::Unknown());
  EXPECT_EQ(Read("d40c80"), Value::Unknown());
}

TEST(MsgpackTest, KeepsRefinements) {
  // What core sends for "pre-${unknown}" and for length(unknown).
  const Value prefixed = Read("c7090c8201c202a47072652d");
  ASSERT_NE(prefixed.refinement(), nullptr);
  EXPECT_TRUE(prefixed.refinement()->not_null);
  EXPECT_EQ(prefixed.refinement()->prefix, "pre-");
  EXPECT_EQ(Written(prefixed), "c7090c8201c202a47072652d");

  const Value bounded = Read("c7070c8201c2039200c3");
  ASSERT_NE(bounded.refinement(), nullptr);
  ASSERT_TRUE(bounded.refinement()->lower.has_value());
  EXPECT_EQ(bounded.refinement()->lower->value, Number::Of(0));
  EXPECT_EQ(Written(bounded), "c7070c8201c2039200c3");
}

TEST(MsgpackTest, LeavesOutARefinementThatCoreWouldNotTake) {
  // Four times 1e308: 45 bytes as they come, more than 1,024 as digits.
  const std::string large = "cb7fe1ccf385ebc8a0";
  const Value value =
      Read("c72d0c840392" + large + "c30492" + large + "c305" + large + "06" + large);
  ASSERT_NE(value.refinement(), nullptr);
  EXPECT_TRUE(value.refinement()->lower.has_value());
  EXPECT_EQ(Written(value), "d40000");
}

TEST(MsgpackTest, SkipsRefinementsOfLaterProtocols) {
  const Value value = Read("c7060c8209a17801c2");
  ASSERT_NE(value.refinement(), nullptr);
  EXPECT_TRUE(value.refinement()->not_null);
}

TEST(MsgpackTest, RefusesHostileBytes) {
  for (const char* hex : {
           "",                    // nothing
           "a2",                  // cut off
           "d9ff61",              // shorter than it says
           "ddffffffff",          // a list of four billion
           "dfffffffff",          // a map of four billion
           "00c0",                // trailing bytes
           "82a16101a16102",      // a key twice
           "8101c0",              // a key that is a number
           "a1ff",                // not UTF-8
           "a3eda080",            // a surrogate
           "cb7ff0000000000000",  // infinity
           "c40100",              // binary
           "c1",                  // never used
           "c7030cc0c0c0",        // a refinement that is no map
       }) {
    SCOPED_TRACE(hex);
    EXPECT_FALSE(ReadMsgpack(absl::HexStringToBytes(hex)).ok());
  }
  EXPECT_FALSE(ReadMsgpack(std::string(100000, '\x91')).ok());
}

}  // namespace
}  // namespace espalier::provider
