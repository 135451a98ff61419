#include "provider/handshake.h"

#include <gtest/gtest.h>

#include <vector>

#include "absl/strings/str_split.h"
#include "provider/certificate.h"

namespace espalier::provider {
namespace {

constexpr char kCookie[] = "d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2";

TEST(HandshakeTest, AsksForTheCookieAndVersionSix) {
  EXPECT_FALSE(CheckHandshake({}).ok());
  EXPECT_FALSE(CheckHandshake({.magic_cookie = "x", .protocol_versions = "6"}).ok());
  EXPECT_FALSE(CheckHandshake({.magic_cookie = kCookie, .protocol_versions = "5"}).ok());
  for (const char* versions : {"5,6", "6,5", "6", ""}) {
    SCOPED_TRACE(versions);
    EXPECT_TRUE(CheckHandshake({.magic_cookie = kCookie, .protocol_versions = versions}).ok());
  }
}

TEST(HandshakeTest, WritesSixFieldsWithoutPadding) {
  EXPECT_EQ(HandshakeLine({}, "unix", "/tmp/x", ""), "1|6|unix|/tmp/x|grpc|\n");
  EXPECT_EQ(HandshakeLine({}, "tcp", "127.0.0.1:9", "a"), "1|6|tcp|127.0.0.1:9|grpc|YQ\n");
  EXPECT_EQ(HandshakeLine({}, "tcp", "127.0.0.1:9", "ab"), "1|6|tcp|127.0.0.1:9|grpc|YWI\n");
  EXPECT_EQ(HandshakeLine({}, "tcp", "127.0.0.1:9", "\xfb\xff\xfe"),
            "1|6|tcp|127.0.0.1:9|grpc|+//+\n");
}

TEST(HandshakeTest, AddsTheSeventhFieldOnlyForClientsThatAsk) {
  EXPECT_EQ(HandshakeLine({.multiplex = "1"}, "unix", "/tmp/x", ""),
            "1|6|unix|/tmp/x|grpc||false\n");
}

TEST(HandshakeTest, PutsTheSocketWhereItsPathIsShortEnough) {
  EXPECT_EQ(SocketPath({.temp_dir = "/var/t"}, "u"), "/var/t/espalier-u.sock");
  EXPECT_EQ(SocketPath({.socket_dir = "/run/s", .temp_dir = "/var/t"}, "u"),
            "/run/s/espalier-u.sock");
  EXPECT_EQ(SocketPath({.temp_dir = "/" + std::string(200, 'd')}, "u"), "/tmp/espalier-u.sock");
  EXPECT_EQ(SocketPath({.temp_dir = "/a|b"}, "u"), "/tmp/espalier-u.sock");
  EXPECT_EQ(SocketPath({}, std::string(100, 'u')), "");
}

TEST(HandshakeTest, MakesANewIdentityEachTime) {
  const absl::StatusOr<ServerIdentity> first = MakeServerIdentity();
  const absl::StatusOr<ServerIdentity> second = MakeServerIdentity();
  ASSERT_TRUE(first.ok());
  ASSERT_TRUE(second.ok());
  EXPECT_EQ(EVP_PKEY_eq(first->key.get(), second->key.get()), 0);
  EXPECT_NE(first->certificate_der, second->certificate_der);
  // The DER of a subject alternative name "localhost" is in it.
  EXPECT_NE(first->certificate_der.find("\x82\x09localhost"), std::string::npos);
}

}  // namespace
}  // namespace espalier::provider
