#include "reconciler/git/fetch.h"

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "engine/base/status.h"
#include "reconciler/git/libgit.h"

namespace espalier {
namespace {

constexpr char kHeadRef[] = "refs/espalier/head";

// What the library's callbacks see of the fetch, and what they found.
struct Session {
  const FetchRequest& request;
  int asked_for_password = 0;
  bool too_large = false;
};

// "https://forge.example:8443" of a URL with a path.
absl::string_view SiteOf(absl::string_view url) {
  const std::size_t scheme = url.find("://");
  if (scheme == absl::string_view::npos) return url;
  return url.substr(0, url.find('/', scheme + 3));
}

int GiveCredential(git_credential** out, const char* url, const char*, unsigned int allowed,
                   void* payload) {
  Session& session = *static_cast<Session*>(payload);
  // Asked again means refused: the library would ask until it has counted too many.
  if (session.request.password.empty() || ++session.asked_for_password > 1) return GIT_EAUTH;
  if ((allowed & GIT_CREDENTIAL_USERPASS_PLAINTEXT) == 0) return GIT_EAUTH;
  if (SiteOf(url) != SiteOf(session.request.url)) return GIT_EAUTH;
  return git_credential_userpass_plaintext_new(out, session.request.username.c_str(),
                                               session.request.password.c_str());
}

int LimitTransfer(const git_indexer_progress* progress, void* payload) {
  Session& session = *static_cast<Session*>(payload);
  if (static_cast<std::int64_t>(progress->received_bytes) <= session.request.max_bytes) return 0;
  session.too_large = true;
  return GIT_EUSER;
}

absl::StatusOr<GitRepository> OpenOrMake(const std::string& path) {
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

// What the other side says that `ref` points at.
absl::StatusOr<git_oid> Advertised(git_remote* remote, const std::string& ref) {
  const git_remote_head** heads = nullptr;
  std::size_t count = 0;
  if (int code = git_remote_ls(&heads, &count, remote); code < 0) {
    return GitStatus(code, "listing refs");
  }
  for (std::size_t i = 0; i < count; ++i) {
    if (heads[i]->name == ref) return heads[i]->oid;
  }
  return absl::NotFoundError(absl::StrCat("the repository has no ref ", ref));
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
  std::string refspec = absl::StrCat("+", ref, ":", kHeadRef);
  char* refspecs[] = {refspec.data()};
  const git_strarray wanted = {.strings = refspecs, .count = 1};
  const int code = git_remote_download(remote, &wanted, &options);
  if (session.too_large) {
    return absl::ResourceExhaustedError(
        absl::StrCat("the repository sends more than ", session.request.max_bytes, " bytes"));
  }
  return code < 0 ? GitStatus(code, "downloading") : absl::OkStatus();
}

absl::StatusOr<std::string> KeepAsHead(git_repository* repository, const git_oid& oid) {
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
  const int code = git_reference_create(&reference, repository, kHeadRef, git_object_id(peeled),
                                        /*force=*/1, /*log_message=*/nullptr);
  if (code < 0) return GitStatus(code, "writing the mirror's head");
  git_reference_free(reference);
  return std::string(git_oid_tostr_s(git_object_id(commit.get())));
}

}  // namespace

absl::StatusOr<std::string> FetchIntoMirror(const GitLibrary&, const FetchRequest& request) {
  ESPALIER_ASSIGN_OR_RETURN(const GitRepository repository, OpenOrMake(request.mirror));

  git_remote_create_options create = GIT_REMOTE_CREATE_OPTIONS_INIT;
  create.repository = repository.get();
  create.flags = GIT_REMOTE_CREATE_SKIP_INSTEADOF | GIT_REMOTE_CREATE_SKIP_DEFAULT_FETCHSPEC;
  git_remote* raw = nullptr;
  if (int code = git_remote_create_with_opts(&raw, request.url.c_str(), &create); code < 0) {
    return GitStatus(code, "naming the repository");
  }
  const GitRemote remote(raw);

  Session session = {.request = request};
  git_remote_connect_options connect = GIT_REMOTE_CONNECT_OPTIONS_INIT;
  connect.follow_redirects = GIT_REMOTE_REDIRECT_NONE;
  connect.callbacks.credentials = GiveCredential;
  connect.callbacks.transfer_progress = LimitTransfer;
  connect.callbacks.payload = &session;
  if (int code = git_remote_connect_ext(remote.get(), GIT_DIRECTION_FETCH, &connect); code < 0) {
    if (session.asked_for_password > 1) {
      return absl::UnauthenticatedError("the repository refuses the user name and password");
    }
    return GitStatus(code, "connecting");
  }
  ESPALIER_ASSIGN_OR_RETURN(const git_oid oid, Advertised(remote.get(), request.ref));
  if (!Has(repository.get(), oid)) {
    ESPALIER_RETURN_IF_ERROR(Download(remote.get(), request.ref, connect.callbacks, session));
  }
  return KeepAsHead(repository.get(), oid);
}

}  // namespace espalier
