// RestClient: what the benchmarks ask an engine over REST. Thread-safe; connections are kept.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/base/http.h"

namespace espalier {

class RestClient {
 public:
  // `address` is "host:port".
  RestClient(const std::string& address, const std::string& token);

  // Creates a VM of that name in `default`. UNKNOWN with what the engine answered instead of 201.
  absl::Status CreateVm(const std::string& name, const std::string& image) const;

  // Reads all VMs in pages of `page_size`; how many there are.
  absl::StatusOr<std::size_t> ListVms(std::size_t page_size) const;

 private:
  absl::StatusOr<HttpResponse> Fetch(const std::string& method, const std::string& path,
                                     std::string body) const;

  const std::string base_;
  const std::string authorization_;
  const std::unique_ptr<Http> http_;
};

}  // namespace espalier
