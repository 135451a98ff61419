// What is asked over HTTP and answered, without sockets: the server (http_server.h) carries it,
// tests and fuzzers make it. Plain values.
#pragma once

#include <functional>
#include <map>
#include <string>

#include "absl/strings/string_view.h"
#include "engine/base/http.h"

namespace espalier {

struct HttpCall {
  std::string method = "GET";
  // Decoded, without the query: "/api/v1/vms".
  std::string path;
  // Decoded. A parameter without a value is empty.
  std::map<std::string, std::string> query;
  std::string authorization;
  std::string content_type;
  std::string if_match;
  std::string operation_id;
  // All of them, those above as well.
  HttpHeaders headers;
  std::string body;

  // The parameter, or empty.
  std::string Query(const std::string& name) const;
  // The first header of that name, in whatever case, or empty.
  std::string Header(absl::string_view name) const;
  // Whether the parameter is there and is not "false" or "0".
  bool Flag(const std::string& name) const;
};

struct HttpAnswer {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
  HttpHeaders headers;
  // Given: the body is what it writes, sent as it comes. It runs on the connection's own thread
  // until it returns. `write` answers whether the client still takes it; `stopping` whether the
  // server ends.
  struct Sink {
    std::function<bool(absl::string_view)> write;
    std::function<bool()> stopping;
  };
  std::function<void(const Sink& sink)> stream;
};

}  // namespace espalier
