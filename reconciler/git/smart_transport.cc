#include "reconciler/git/smart_transport.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "reconciler/git/git_limits.h"

namespace espalier {
namespace {

// libgit2 knows its parts by pointers to their first members.
struct Stream {
  git_smart_subtransport_stream base = {};
  SmartTransport* smart = nullptr;
  SmartConnection::Part part = SmartConnection::Part::kAdvertisement;
};
struct Subtransport {
  git_smart_subtransport base = {};
  // The only one: libgit2 has done with one stream before it asks for the next.
  Stream stream;
};

int Fail(SmartTransport& smart, const absl::Status& status) {
  if (smart.failure.ok()) smart.failure = status;
  git_error_set_str(GIT_ERROR_NET, std::string(status.message()).c_str());
  return GIT_ERROR;
}

// Counts what came, and ends what is too much.
absl::Status Account(std::size_t bytes, Stream& stream) {
  SmartTransport& smart = *stream.smart;
  smart.received += static_cast<std::int64_t>(bytes);
  if (stream.part == SmartConnection::Part::kAdvertisement) {
    smart.advertised += static_cast<std::int64_t>(bytes);
  }
  if (smart.advertised > static_cast<std::int64_t>(limits::kAdvertisementBytes)) {
    return absl::ResourceExhaustedError(absl::StrCat("the repository names its refs in more than ",
                                                     limits::kAdvertisementBytes, " bytes"));
  }
  if (smart.received > smart.max_bytes) {
    return absl::ResourceExhaustedError(
        absl::StrCat("the repository sends more than ", smart.max_bytes, " bytes"));
  }
  return absl::OkStatus();
}

int Read(git_smart_subtransport_stream* base, char* buffer, std::size_t size, std::size_t* got) {
  Stream& stream = *reinterpret_cast<Stream*>(base);
  const absl::StatusOr<std::size_t> bytes = stream.smart->connection.Read(buffer, size);
  if (!bytes.ok()) return Fail(*stream.smart, bytes.status());
  *got = *bytes;
  const absl::Status within = Account(*bytes, stream);
  return within.ok() ? 0 : Fail(*stream.smart, within);
}

int Write(git_smart_subtransport_stream* base, const char* bytes, std::size_t size) {
  Stream& stream = *reinterpret_cast<Stream*>(base);
  const absl::Status status = stream.smart->connection.Write(absl::string_view(bytes, size));
  return status.ok() ? 0 : Fail(*stream.smart, status);
}

int Begin(git_smart_subtransport_stream** out, git_smart_subtransport* base, const char*,
          git_smart_service_t action) {
  Stream& stream = reinterpret_cast<Subtransport*>(base)->stream;
  // Nothing is ever pushed.
  if (action != GIT_SERVICE_UPLOADPACK_LS && action != GIT_SERVICE_UPLOADPACK) return GIT_ERROR;
  stream.part = action == GIT_SERVICE_UPLOADPACK_LS ? SmartConnection::Part::kAdvertisement
                                                    : SmartConnection::Part::kRequest;
  if (absl::Status status = stream.smart->connection.Open(stream.part); !status.ok()) {
    return Fail(*stream.smart, status);
  }
  *out = &stream.base;
  return 0;
}

int MakeSubtransport(git_smart_subtransport** out, git_transport*, void* smart) {
  auto* const made = new Subtransport;
  made->base.action = Begin;
  made->base.close = [](git_smart_subtransport*) { return 0; };
  made->base.free = [](git_smart_subtransport* base) {
    delete reinterpret_cast<Subtransport*>(base);
  };
  made->stream.base.subtransport = &made->base;
  made->stream.base.read = Read;
  made->stream.base.write = Write;
  made->stream.base.free = [](git_smart_subtransport_stream*) {};
  made->stream.smart = static_cast<SmartTransport*>(smart);
  *out = &made->base;
  return 0;
}

}  // namespace

int MakeSmartTransport(git_transport** out, git_remote* owner, SmartTransport& smart) {
  // Read while the transport is made, and not kept.
  git_smart_subtransport_definition definition = {
      .callback = MakeSubtransport, .rpc = smart.connection.stateless(), .param = &smart};
  return git_transport_smart(out, owner, &definition);
}

}  // namespace espalier
