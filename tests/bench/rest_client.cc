#include "tests/bench/rest_client.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/status.h"
#include "engine/net/http.h"

namespace espalier {
namespace {

// Where the items of a page begin, one each, and the token of the next page, as the engine writes
// them. Reading the JSON whole would be measured along.
constexpr char kItem[] = "{\"apiVersion\":";
constexpr char kNextPage[] = "\"next_page\":\"";

}  // namespace

RestClient::RestClient(const std::string& address, const std::string& token)
    : base_(absl::StrCat("http://", address, "/api/v1/namespaces/default/vms")),
      authorization_(absl::StrCat("Bearer ", token)),
      http_(MakeHttp()) {}

absl::StatusOr<HttpResponse> RestClient::Fetch(const std::string& method, const std::string& path,
                                               std::string body) const {
  HttpRequest request{.method = method, .url = absl::StrCat(base_, path)};
  request.headers.emplace_back("Authorization", authorization_);
  if (!body.empty()) request.headers.emplace_back("Content-Type", "application/json");
  request.body = std::move(body);
  return http_->Fetch(std::move(request));
}

absl::Status RestClient::CreateVm(const std::string& name, const std::string& image) const {
  ESPALIER_ASSIGN_OR_RETURN(
      const HttpResponse answer,
      Fetch("POST", "",
            absl::StrCat(R"({"apiVersion":"espalier/v1","kind":"Vm","metadata":{"name":")", name,
                         R"(","labels":{"team":"ios","purpose":"build"}},"spec":{"image":")", image,
                         R"(","cpu":2,"memory_mib":4096}})")));
  if (answer.status == 201) return absl::OkStatus();
  return absl::UnknownError(absl::StrCat("status ", answer.status, ": ", answer.body));
}

absl::StatusOr<std::size_t> RestClient::ListVms(std::size_t page_size) const {
  std::size_t count = 0;
  std::string page;
  do {
    ESPALIER_ASSIGN_OR_RETURN(
        const HttpResponse answer,
        Fetch("GET", absl::StrCat("?page_size=", page_size, page.empty() ? "" : "&page=", page),
              ""));
    if (answer.status != 200) {
      return absl::UnknownError(absl::StrCat("status ", answer.status, ": ", answer.body));
    }
    for (std::size_t at = answer.body.find(kItem); at != std::string::npos;
         at = answer.body.find(kItem, at + 1)) {
      ++count;
    }
    const std::size_t next = answer.body.rfind(kNextPage);
    page.clear();
    if (next != std::string::npos) {
      const std::size_t begin = next + sizeof(kNextPage) - 1;
      page = answer.body.substr(begin, answer.body.find('"', begin) - begin);
    }
  } while (!page.empty());
  return count;
}

}  // namespace espalier
