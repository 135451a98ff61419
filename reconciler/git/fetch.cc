#include "reconciler/git/fetch.h"

#include <sys/stat.h>
#include <unistd.h>

#include <memory>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "engine/base/status.h"
#include "reconciler/git/advertised_refs.h"
#include "reconciler/git/http_connection.h"
#include "reconciler/git/libgit.h"
#include "reconciler/git/repository_url.h"
#include "reconciler/git/smart_transport.h"
#include "reconciler/git/ssh_connection.h"

namespace espalier {
namespace {

std::string KeptRef(const FetchRequest& request) {
  return absl::StrCat("refs/espalier/", request.keep_as);
}

// What the library's callbacks see of the fetch.
struct Session {
  const FetchRequest& request;
  // Of our own connection, where there is one: a path is read by libgit2 itself.
  std::optional<SmartTransport> smart;
  bool too_large = false;

  // What went wrong: our connection knows better than the library.
  absl::Status Failure(int code, absl::string_view doing) const {
    if (smart.has_value() && !smart->failure.ok()) return smart->failure;
    return GitStatus(code, doing);
  }
};

int MakeTransport(git_transport** out, git_remote* owner, void* payload) {
  return MakeSmartTransport(out, owner, *static_cast<Session*>(payload)->smart);
}

int LimitTransfer(const git_indexer_progress* progress, void* payload) {
  Session& session = *static_cast<Session*>(payload);
  if (static_cast<std::int64_t>(progress->received_bytes) <= session.request.max_bytes) return 0;
  session.too_large = true;
  return GIT_EUSER;
}

// Null: libgit2 reads the path itself.
absl::StatusOr<std::unique_ptr<SmartConnection>> Connect(const FetchRequest& request) {
  ESPALIER_ASSIGN_OR_RETURN(const RepositoryUrl url, ParseRepositoryUrl(request.url));
  switch (url.transport) {
    case RepositoryUrl::Transport::kPath:
      return nullptr;
    case RepositoryUrl::Transport::kHttp:
    case RepositoryUrl::Transport::kHttps:
      return ConnectHttp(request);
    case RepositoryUrl::Transport::kSsh:
      return ConnectSsh(request.ssh, url);
  }
  return absl::InternalError("a transport that is none");
}

// libgit2 looks after this only where it also reads safe.directory of a user's configuration.
absl::Status CheckOwner(const std::string& path) {
  struct stat info{};
  if (lstat(path.c_str(), &info) != 0 || info.st_uid == geteuid()) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("the mirror ", path, " belongs to user ", info.st_uid, " and not to ", geteuid(),
                   ", who runs the reconciler: give it back, or remove it"));
}

absl::StatusOr<GitRepository> OpenOrMake(const std::string& path) {
  ESPALIER_RETURN_IF_ERROR(CheckOwner(path));
  git_repository* repository = nullptr;
  int code = git_repository_open_bare(&repository, path.c_str());
  if (code == GIT_ENOTFOUND) {
    git_repository_init_options options = GIT_REPOSITORY_INIT_OPTIONS_INIT;
    options.flags = GIT_REPOSITORY_INIT_BARE | GIT_REPOSITORY_INIT_MKPATH;
    options.mode = 0700;
    code = git_repository_init_ext(&repository, path.c_str(), &options);
  }
  if (code < 0) return GitStatus(code, "opening the mirror");
  return GitRepository(repository);
}

absl::StatusOr<std::vector<AdvertisedRef>> Advertised(git_remote* remote) {
  const git_remote_head** heads = nullptr;
  std::size_t count = 0;
  if (int code = git_remote_ls(&heads, &count, remote); code < 0) {
    return GitStatus(code, "listing refs");
  }
  std::vector<AdvertisedRef> refs;
  refs.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    refs.push_back({heads[i]->name, git_oid_tostr_s(&heads[i]->oid)});
  }
  return refs;
}

git_oid IdOf(const std::string& hex) {
  git_oid oid{};
  // Both sides of it are checked to be 40 hex digits where they come in.
  git_oid_fromstr(&oid, hex.c_str());
  return oid;
}

bool Has(git_repository* repository, const git_oid& oid) {
  git_odb* raw = nullptr;
  if (git_repository_odb(&raw, repository) < 0) return false;
  return git_odb_exists(GitOdb(raw).get(), &oid) == 1;
}

absl::Status Download(git_remote* remote, const std::string& ref,
                      const git_remote_callbacks& callbacks, const Session& session) {
  git_fetch_options options = GIT_FETCH_OPTIONS_INIT;
  options.callbacks = callbacks;
  options.update_fetchhead = 0;
  options.download_tags = GIT_REMOTE_DOWNLOAD_TAGS_NONE;
  options.follow_redirects = GIT_REMOTE_REDIRECT_NONE;
  std::string refspec = absl::StrCat("+", ref, ":", KeptRef(session.request));
  char* refspecs[] = {refspec.data()};
  const git_strarray wanted = {.strings = refspecs, .count = 1};
  const int code = git_remote_download(remote, &wanted, &options);
  if (session.too_large) {
    return absl::ResourceExhaustedError(
        absl::StrCat("the repository sends more than ", session.request.max_bytes, " bytes"));
  }
  return code < 0 ? session.Failure(code, "downloading") : absl::OkStatus();
}

absl::StatusOr<git_oid> Keep(git_repository* repository, const git_oid& oid,
                             const std::string& name) {
  git_object* raw = nullptr;
  if (int code = git_object_lookup(&raw, repository, &oid, GIT_OBJECT_ANY); code < 0) {
    // The other side named it and the download succeeded: then the mirror is what is wrong.
    return absl::DataLossError(GitStatus(code, "reading what was fetched").message());
  }
  const GitObject object(raw);
  git_object* peeled = nullptr;
  if (git_object_peel(&peeled, object.get(), GIT_OBJECT_COMMIT) < 0) {
    return absl::InvalidArgumentError("the ref does not point at a commit");
  }
  const GitObject commit(peeled);
  git_reference* reference = nullptr;
  const int code = git_reference_create(&reference, repository, name.c_str(), git_object_id(peeled),
                                        /*force=*/1, /*log_message=*/nullptr);
  if (code < 0) return GitStatus(code, "writing the mirror's ref");
  git_reference_free(reference);
  return *git_object_id(commit.get());
}

// OK if the pinned commit is `head` or came before it.
absl::Status CheckContains(git_repository* repository, const git_oid& head,
                           const FetchRequest& request) {
  const git_oid pinned = IdOf(request.commit);
  if (git_oid_equal(&head, &pinned) != 0) return absl::OkStatus();
  // Asking after the ancestors of a commit that is not there is an error in itself.
  const int answer =
      Has(repository, pinned) ? git_graph_descendant_of(repository, &head, &pinned) : 0;
  if (answer < 0) return GitStatus(answer, "looking for the pinned commit");
  if (answer == 1) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat(request.ref, " does not contain the commit ", request.commit));
}

}  // namespace

absl::StatusOr<FetchAnswer> FetchIntoMirror(const GitLibrary&, const FetchRequest& request) {
  ESPALIER_ASSIGN_OR_RETURN(const std::unique_ptr<SmartConnection> connection, Connect(request));
  ESPALIER_ASSIGN_OR_RETURN(const GitRepository repository, OpenOrMake(request.mirror));

  // Outlives the remote, which says goodbye through it when it is freed.
  Session session = {.request = request};
  if (connection != nullptr) {
    session.smart.emplace(
        SmartTransport{.connection = *connection, .max_bytes = request.max_bytes});
  }
  git_remote_create_options create = GIT_REMOTE_CREATE_OPTIONS_INIT;
  create.repository = repository.get();
  create.flags = GIT_REMOTE_CREATE_SKIP_INSTEADOF | GIT_REMOTE_CREATE_SKIP_DEFAULT_FETCHSPEC;
  git_remote* raw = nullptr;
  if (int code = git_remote_create_with_opts(&raw, request.url.c_str(), &create); code < 0) {
    return GitStatus(code, "naming the repository");
  }
  const GitRemote remote(raw);

  git_remote_connect_options connect = GIT_REMOTE_CONNECT_OPTIONS_INIT;
  connect.follow_redirects = GIT_REMOTE_REDIRECT_NONE;
  if (session.smart.has_value()) connect.callbacks.transport = MakeTransport;
  connect.callbacks.transfer_progress = LimitTransfer;
  connect.callbacks.payload = &session;
  if (int code = git_remote_connect_ext(remote.get(), GIT_DIRECTION_FETCH, &connect); code < 0) {
    return session.Failure(code, "connecting");
  }
  ESPALIER_ASSIGN_OR_RETURN(const std::vector<AdvertisedRef> refs, Advertised(remote.get()));
  ESPALIER_ASSIGN_OR_RETURN(const AdvertisedRef followed, FollowedRef(request, refs));
  const git_oid oid = IdOf(followed.id);
  if (!Has(repository.get(), oid)) {
    ESPALIER_RETURN_IF_ERROR(Download(remote.get(), followed.name, connect.callbacks, session));
  }
  ESPALIER_ASSIGN_OR_RETURN(const git_oid head, Keep(repository.get(), oid, KeptRef(request)));
  FetchAnswer answer = {.commit = git_oid_tostr_s(&head), .ref = followed.name};
  if (!request.commit.empty()) {
    ESPALIER_RETURN_IF_ERROR(CheckContains(repository.get(), head, request));
    answer.commit = request.commit;
  }
  answer.pull_heads = PullHeadsBelow(request.pull_heads_prefix, refs);
  return answer;
}

}  // namespace espalier
