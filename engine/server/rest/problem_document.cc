#include "engine/server/rest/problem_document.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "engine/model/codec.h"
#include "engine/model/writer.h"

namespace espalier {
namespace {

const char* TitleOf(int status) {
  switch (status) {
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 409:
      return "Conflict";
    case 410:
      return "Gone";
    case 412:
      return "Precondition Failed";
    case 413:
      return "Content Too Large";
    case 415:
      return "Unsupported Media Type";
    case 422:
      return "Unprocessable Content";
    case 429:
      return "Too Many Requests";
    case 501:
      return "Not Implemented";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    default:
      return status < 500 ? "Bad Request" : "Internal Server Error";
  }
}

// What is wrong is not the document but what stands beside it.
bool IsConflict(const Problem& problem) {
  return Is(problem, "already_exists") || Is(problem, "owner_conflict") ||
         Is(problem, "digest_mismatch") || Is(problem, "budget_exceeded") ||
         Is(problem, "quota_exceeded");
}

HttpAnswer Document(int status, absl::string_view detail, const std::vector<Problem>& problems) {
  HttpAnswer answer{.status = status, .content_type = "application/problem+json"};
  answer.body = absl::StrCat("{\"type\":\"about:blank\",\"title\":\"", TitleOf(status),
                             "\",\"status\":", status, ",\"detail\":");
  AppendJsonString(detail, answer.body);
  if (!problems.empty()) {
    answer.body += ",\"problems\":[";
    for (std::size_t i = 0; i < problems.size(); ++i) {
      absl::StrAppend(&answer.body, i == 0 ? "" : ",", MessageToJson(problems[i], Indent::kNone));
    }
    answer.body += "]";
  }
  answer.body += "}\n";
  if (status == 401) answer.headers.emplace_back("WWW-Authenticate", "Bearer");
  if (status == 503 || status == 429) answer.headers.emplace_back("Retry-After", "1");
  return answer;
}

}  // namespace

int HttpStatusOf(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kOk:
      return 200;
    case absl::StatusCode::kCancelled:
      return 499;
    case absl::StatusCode::kInvalidArgument:
      return 400;
    case absl::StatusCode::kDeadlineExceeded:
      return 504;
    case absl::StatusCode::kNotFound:
      return 404;
    case absl::StatusCode::kAlreadyExists:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kAborted:
      return 409;
    case absl::StatusCode::kPermissionDenied:
      return 403;
    case absl::StatusCode::kUnauthenticated:
      return 401;
    case absl::StatusCode::kResourceExhausted:
      return 429;
    case absl::StatusCode::kOutOfRange:
      return 410;
    case absl::StatusCode::kUnimplemented:
      return 501;
    case absl::StatusCode::kUnavailable:
      return 503;
    default:
      return 500;
  }
}

HttpAnswer ProblemAnswer(const absl::Status& status) {
  return Document(HttpStatusOf(status.code()), status.message(), {});
}

HttpAnswer ProblemAnswer(int http_status, absl::string_view detail,
                         const std::vector<Problem>& problems) {
  const bool conflict = std::any_of(problems.begin(), problems.end(), IsConflict);
  return Document(conflict ? 409 : http_status, detail, problems);
}

}  // namespace espalier
