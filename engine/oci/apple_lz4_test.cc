#include "engine/oci/apple_lz4.h"

#include <lz4.h>

#include <gtest/gtest.h>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "engine/base/random.h"

namespace espalier::oci {
namespace {

std::string Noise(std::size_t size) {
  Random random(5);
  std::string bytes;
  while (bytes.size() < size) bytes += static_cast<char>(random.Next());
  return bytes;
}

std::string Encode(absl::string_view plain) {
  std::string stream;
  for (std::size_t at = 0; at < plain.size(); at += kLz4WriteBlock) {
    stream += EncodeLz4Block(plain.substr(at, kLz4WriteBlock));
  }
  return absl::StrCat(stream, kLz4End);
}

// Feeds the stream in pieces of `step` bytes.
absl::StatusOr<std::string> Decode(absl::string_view stream, std::size_t step,
                                   std::int64_t max_plain = 1 << 30) {
  AppleLz4Decoder decoder(max_plain);
  std::string plain;
  for (std::size_t at = 0; at < stream.size(); at += step) {
    const absl::Status status = decoder.Feed(stream.substr(at, step), [&](absl::string_view bytes) {
      absl::StrAppend(&plain, bytes);
      return absl::OkStatus();
    });
    if (!status.ok()) return status;
  }
  const absl::Status status = decoder.Finish();
  if (!status.ok()) return status;
  return plain;
}

TEST(AppleLz4Test, ReadsWhatItWroteInPiecesOfAnySize) {
  const std::string plain =
      absl::StrCat(std::string(200000, '\0'), Noise(100000), std::string(70000, 'x'));
  const std::string stream = Encode(plain);
  EXPECT_LT(stream.size(), 110000u);
  for (const std::size_t step :
       {std::size_t{1}, std::size_t{7}, std::size_t{4096}, stream.size()}) {
    EXPECT_EQ(Decode(stream, step).value(), plain) << step;
  }
}

TEST(AppleLz4Test, WritesTheDocumentedFrames) {
  EXPECT_EQ(EncodeLz4Block("abc"), std::string("bv4-\x03\0\0\0abc", 11));
  const std::string zeros = EncodeLz4Block(std::string(4096, '\0'));
  EXPECT_EQ(zeros.substr(0, 8), std::string("bv41\0\x10\0\0", 8));
  EXPECT_EQ(static_cast<std::size_t>(static_cast<unsigned char>(zeros[8])), zeros.size() - 12);
}

TEST(AppleLz4Test, ABlockMayReferToTheOneBefore) {
  const std::string first = Noise(40000);
  const std::string second = first.substr(10000, 20000);
  // Compressed with the first block as its dictionary, as other writers may do.
  LZ4_stream_t* const lz4 = LZ4_createStream();
  LZ4_loadDict(lz4, first.data(), static_cast<int>(first.size()));
  std::string compressed(LZ4_compressBound(20000), '\0');
  compressed.resize(LZ4_compress_fast_continue(lz4, second.data(), compressed.data(), 20000,
                                               static_cast<int>(compressed.size()), 1));
  LZ4_freeStream(lz4);
  ASSERT_LT(compressed.size(), 256u);
  const std::string stream =
      absl::StrCat(EncodeLz4Block(first), "bv41", std::string("\x20\x4e\0\0", 4),
                   std::string(1, static_cast<char>(compressed.size())), std::string(3, '\0'),
                   compressed, kLz4End);
  EXPECT_EQ(Decode(stream, stream.size()).value(), first + second);
}

TEST(AppleLz4Test, RefusesWhatIsMalformed) {
  const std::string good = Encode("some bytes that are worth to be kept");
  const std::string cases[] = {
      "",
      "bv",
      "bv4x",
      good.substr(0, good.size() - 1),
      good + "x",
      good + good,
      "x" + good,
      std::string("bv41\xff\xff\xff\xff\x01\0\0\0x", 13),
      std::string("bv4-\xff\xff\xff\xff", 8),
      std::string("bv41\x10\0\0\0\x03\0\0\0abc", 15) + std::string(kLz4End),
      std::string("bv41\x10\0\0\0\0\0\0\0", 12) + std::string(kLz4End),
  };
  for (const std::string& text : cases) {
    EXPECT_TRUE(absl::IsDataLoss(Decode(text, 3).status())) << absl::CHexEscape(text);
  }
}

TEST(AppleLz4Test, NeverProducesMoreThanItMay) {
  const std::string bomb = Encode(std::string(1 << 20, '\0'));
  EXPECT_TRUE(absl::IsDataLoss(Decode(bomb, 1000, (1 << 20) - 1).status()));
  EXPECT_TRUE(Decode(bomb, 1000, 1 << 20).ok());
}

TEST(AppleLz4Test, PassesTheSinksErrorOn) {
  AppleLz4Decoder decoder(100);
  EXPECT_TRUE(absl::IsAborted(
      decoder.Feed(Encode("abc"), [](absl::string_view) { return absl::AbortedError("no"); })));
}

}  // namespace
}  // namespace espalier::oci
