#include "engine/listen/tls_acceptor.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <string>

#include "engine/base/check.h"

namespace espalier {
namespace {

template <auto kFree>
struct Freed {
  template <typename T>
  void operator()(T* thing) const {
    kFree(thing);
  }
};
using Bio = std::unique_ptr<BIO, Freed<BIO_free_all>>;
using Certificate = std::unique_ptr<X509, Freed<X509_free>>;
using Key = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;

Bio Open(const std::string& text) {
  return Bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

Certificate ReadCertificate(BIO* text) {
  return Certificate(PEM_read_bio_X509(text, nullptr, nullptr, nullptr));
}

// The server's own, and after it those between it and its authority.
bool UseChain(SSL_CTX* context, const std::string& text) {
  const Bio pem = Open(text);
  const Certificate own = ReadCertificate(pem.get());
  if (own == nullptr || SSL_CTX_use_certificate(context, own.get()) != 1) return false;
  while (const Certificate next = ReadCertificate(pem.get())) {
    if (SSL_CTX_add1_chain_cert(context, next.get()) != 1) return false;
  }
  return true;
}

bool UseKey(SSL_CTX* context, const std::string& text) {
  const Bio pem = Open(text);
  // Nobody is there to be asked for a password.
  const auto none = [](char*, int, int, void*) { return -1; };
  const Key key(PEM_read_bio_PrivateKey(pem.get(), nullptr, none, nullptr));
  return key != nullptr && SSL_CTX_use_PrivateKey(context, key.get()) == 1 &&
         SSL_CTX_check_private_key(context) == 1;
}

bool AskForClients(SSL_CTX* context, const std::string& text) {
  const Bio pem = Open(text);
  int authorities = 0;
  while (const Certificate next = ReadCertificate(pem.get())) {
    if (X509_STORE_add_cert(SSL_CTX_get_cert_store(context), next.get()) != 1) return false;
    if (SSL_CTX_add_client_CA(context, next.get()) != 1) return false;
    ++authorities;
  }
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  return authorities > 0;
}

}  // namespace

absl::StatusOr<std::unique_ptr<TlsAcceptor>> TlsAcceptor::Make(const TlsFiles& files) {
  SSL_CTX* const context = SSL_CTX_new(TLS_server_method());
  ESPALIER_CHECK(context != nullptr);
  std::unique_ptr<TlsAcceptor> made(new TlsAcceptor(context));
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  // Without a name of their own, sessions of clients with certificates cannot be resumed.
  const unsigned char name[] = "espalier";
  SSL_CTX_set_session_id_context(context, name, sizeof(name) - 1);
  const bool fits = UseChain(context, files.certificate) && UseKey(context, files.key);
  const bool asks = files.client_ca.empty() || AskForClients(context, files.client_ca);
  ERR_clear_error();
  if (!fits) {
    return absl::InvalidArgumentError("the TLS certificate and key do not fit together");
  }
  if (!asks) return absl::InvalidArgumentError("the client CA is no certificate");
  return made;
}

TlsAcceptor::~TlsAcceptor() { SSL_CTX_free(context_); }

SSL* TlsAcceptor::Open(int fd) const {
  SSL* const session = SSL_new(context_);
  if (session != nullptr) {
    SSL_set_fd(session, fd);
    SSL_set_accept_state(session);
  }
  ERR_clear_error();
  return session;
}

}  // namespace espalier
