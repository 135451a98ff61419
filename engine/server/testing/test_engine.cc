#include "engine/server/testing/test_engine.h"

#include <utility>

#include "engine/base/check.h"
#include "engine/store/memory.h"
#include "tests/support/fake_io.h"

namespace espalier {

TestEngine::TestEngine(TlsFiles tls, const std::string& address)
    : tls_(std::move(tls)),
      store_(MakeMemoryStore()),
      key_disk_(std::make_unique<FakeIo>(*clock_)),
      vault_(Vault::Open(*key_disk_, *log_, *store_, "/secrets.key").value()),
      resources_(
          LocalResources::Open(*clock_, random_, *log_, *store_, {.vault = vault_.get()}).value()),
      authorized_(*resources_, &resources_->audit()),
      sessions_(*clock_, [] { return LeaseTerms(); }),
      tokens_(*clock_, random_, *store_, resources_->audit()) {
  Serve(address);
}

TestEngine::~TestEngine() {
  if (grpc_ != nullptr) StopServing();
}

void TestEngine::Serve(const std::string& address) {
  absl::StatusOr<std::unique_ptr<GrpcServer>> started = GrpcServer::Start(served(), address, tls_);
  ESPALIER_CHECK(started.ok());
  grpc_ = *std::move(started);
  address_ = grpc_->address();
}

void TestEngine::StopServing() {
  grpc_->Stop(absl::Seconds(5));
  grpc_.reset();
}

void TestEngine::ServeAgain() { Serve(address_); }

std::string TestEngine::NewToken(v1::TokenInfo::Role role, const std::string& of, std::string* id) {
  v1::CreateTokenRequest request;
  request.mutable_token()->set_role(role);
  if (role == v1::TokenInfo::AGENT) request.mutable_token()->set_host(of);
  if (role == v1::TokenInfo::RECONCILER) request.mutable_token()->set_source(of);
  const absl::StatusOr<v1::CreateTokenResponse> made = tokens_.Create(AdminContext(), request);
  ESPALIER_CHECK(made.ok());
  if (id != nullptr) *id = made->token().id();
  return made->secret();
}

std::unique_ptr<Remote> TestEngine::Connect(const std::string& token, RemoteOptions options) {
  if (options.engine.empty()) options.engine = address_;
  options.token = token;
  return MakeRemote(*clock_, *threads_, *io_, options).value();
}

std::unique_ptr<Remote> TestEngine::ConnectAs(v1::TokenInfo::Role role, const std::string& of) {
  return Connect(NewToken(role, of));
}

CallContext AdminContext() {
  CallContext context;
  context.caller = {.role = Caller::Role::kAdmin, .subject = "test"};
  return context;
}

ApplyRequest ImageSet(const std::string& name, const std::string& reference) {
  ApplyRequest request;
  request.mutable_owner()->set_manager(Owner::CLI);
  Resource& image = *request.add_objects()->mutable_resource();
  image.mutable_metadata()->set_name(name);
  image.mutable_image()->mutable_spec()->set_reference(reference);
  return request;
}

}  // namespace espalier
