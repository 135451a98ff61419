// ForgeApi: what talking to any forge has in common: who we are, JSON both ways, pages, pages that
// did not change (If-None-Match), limits, redirects, and what an answer means. One per project;
// owned by the client of a forge. Thread-safe; calls block, each request for 30 s at most.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "engine/base/http.h"
#include "engine/base/mutex.h"
#include "engine/base/url.h"
#include "engine/model/node.h"
#include "reconciler/forge/access_token.h"
#include "reconciler/forge/pace.h"

namespace espalier::forge {

struct ForgeApiOptions {
  // Where the API begins, without a slash at the end.
  Url base;
  // What stands before everything that belongs to the project, "/repos/acme/fleet": it moves when
  // the project is renamed.
  std::string project;
  // "Authorization" and "Bearer ".
  std::string token_header;
  std::string token_prefix;
  // With every request.
  HttpHeaders headers;
  HttpRoute route;
};

// Whether a write is the first of a call, which may be told to come later, or one of those after
// it, which wait out the second that has to be between two.
enum class Write { kFirst, kLater };

class ForgeApi {
 public:
  // Borrowed: http and token. `pace` is shared by all that use the same credentials.
  ForgeApi(Http& http, AccessToken& token, std::shared_ptr<Pace> pace, ForgeApiOptions options);

  // The answer to GET. `target` is the path below the base, with the query. Errors of this and of
  // all that follows: those of Forge (forge.h).
  absl::StatusOr<Node> Get(const std::string& target);

  // POST, PUT, PATCH, DELETE with a JSON body (empty: none).
  absl::StatusOr<Node> Send(absl::string_view method, const std::string& target,
                            const std::string& body, Write write = Write::kFirst);
  // The same for what is no content and does not count as a write: a token.
  absl::StatusOr<Node> SendUncounted(absl::string_view method, const std::string& target,
                                     const std::string& body);

  // All entries of a list, page by page; `read` appends what an entry is, or nothing. A page that
  // did not change since the last call is not sent again. `entries` is the path of the list in the
  // answer; empty: the answer is the list. RESOURCE_EXHAUSTED without RetryAfter: the list is
  // longer than limits allow. REQUIRES: the same T and `read` for the same target, always.
  template <typename T>
  absl::StatusOr<std::vector<T>> List(const std::string& target,
                                      void (*read)(const Node&, std::vector<T>&),
                                      absl::string_view entries = "") {
    std::vector<T> all;
    absl::Status status = ForEachPage(
        target, entries,
        [&](const std::vector<const Node*>& nodes) {
          auto page = std::make_shared<std::vector<T>>();
          for (const Node* node : nodes) read(*node, *page);
          return std::shared_ptr<const void>(std::move(page));
        },
        [&](const void* page) {
          const auto& items = *static_cast<const std::vector<T>*>(page);
          all.insert(all.end(), items.begin(), items.end());
        });
    if (!status.ok()) return status;
    return all;
  }

 private:
  // A page as it was read, to be used again while the forge says that it did not change. shared_ptr
  // because a reader may hold it while another replaces it.
  struct Page {
    std::string etag;
    std::shared_ptr<const void> items;
    std::size_t entries = 0;
    // Empty: it is the last one.
    std::string next;
    std::uint64_t used = 0;
  };
  struct Request {
    std::string method;
    std::string url;
    std::string body;
    std::string etag;
  };

  absl::Status ForEachPage(
      const std::string& target, absl::string_view entries,
      absl::FunctionRef<std::shared_ptr<const void>(const std::vector<const Node*>&)> read,
      absl::FunctionRef<void(const void*)> take);
  absl::StatusOr<Page> FetchPage(
      const std::string& url, absl::string_view entries, std::size_t seen,
      absl::FunctionRef<std::shared_ptr<const void>(const std::vector<const Node*>&)> read);
  // An answer of 2xx or 304.
  absl::StatusOr<HttpResponse> Exchange(const Request& request);
  absl::StatusOr<HttpResponse> FollowRedirects(const Request& request, const std::string& token);
  absl::StatusOr<HttpResponse> Once(const Request& request, const Url& url,
                                    const std::string& token);
  // What the answer means, with what the forge says about it but without the token.
  absl::Status StatusOf(const HttpResponse& response, const Request& request,
                        const std::string& token) const;

  std::string UrlOf(const std::string& target) const;
  // What of a URL belongs to the project is looked for where the project is now.
  std::string Moved(const std::string& url) const ABSL_LOCKS_EXCLUDED(mu_);
  void Remember(const std::string& from, const std::string& to) ABSL_LOCKS_EXCLUDED(mu_);
  Page Cached(const std::string& url) ABSL_LOCKS_EXCLUDED(mu_);
  void Keep(const std::string& url, Page page) ABSL_LOCKS_EXCLUDED(mu_);

  Http& http_;
  AccessToken& token_;
  const std::shared_ptr<Pace> pace_;
  const ForgeApiOptions options_;
  mutable Mutex mu_;
  // Where the project's URLs begin now; empty: where they always did.
  std::string moved_to_ ABSL_GUARDED_BY(mu_);
  std::map<std::string, Page> pages_ ABSL_GUARDED_BY(mu_);
  std::size_t cached_entries_ ABSL_GUARDED_BY(mu_) = 0;
  std::uint64_t uses_ ABSL_GUARDED_BY(mu_) = 0;
};

// The answer's JSON; a null for an empty body. UNAVAILABLE: it is none, as proxies and servers in
// trouble answer.
absl::StatusOr<Node> ReadAnswer(absl::string_view body);

}  // namespace espalier::forge
