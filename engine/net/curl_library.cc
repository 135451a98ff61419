#include "engine/net/curl_library.h"

#include <dlfcn.h>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "engine/base/status.h"

namespace espalier {
namespace {

#ifdef __APPLE__
constexpr char kFile[] = "libcurl.4.dylib";
#else
constexpr char kFile[] = "libcurl.so.4";
#endif
constexpr char kAdvice[] = "HTTP requests need libcurl 7.85 or newer (package libcurl4)";

// CURLOPT_PROTOCOLS_STR came with it.
constexpr unsigned kOldest = 0x075500;

template <typename Function>
absl::Status Find(void* library, const char* name, Function& function) {
  // dlsym gives functions as pointers to data; POSIX says that they may be cast.
  function = reinterpret_cast<Function>(dlsym(library, name));
  if (function != nullptr) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(kAdvice, ": there is no ", name));
}

}  // namespace

absl::StatusOr<CurlLibrary> OpenCurl(const char* file) {
  // Not closed: OpenSSL, which comes with it, runs code when the process ends.
  void* const library = dlopen(file, RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    return absl::FailedPreconditionError(absl::StrCat(kAdvice, ": ", dlerror()));
  }
  decltype(&::curl_version_info) version_info = nullptr;
  decltype(&::curl_global_init) global_init = nullptr;
  ESPALIER_RETURN_IF_ERROR(Find(library, "curl_version_info", version_info));
  ESPALIER_RETURN_IF_ERROR(Find(library, "curl_global_init", global_init));
  const curl_version_info_data& version = *version_info(CURLVERSION_NOW);
  if (version.version_num < kOldest) {
    return absl::FailedPreconditionError(
        absl::StrCat(kAdvice, ": ", file, " is ", version.version));
  }
  CurlLibrary curl;
  ESPALIER_RETURN_IF_ERROR(Find(library, "curl_easy_cleanup", curl.easy_cleanup));
  ESPALIER_RETURN_IF_ERROR(Find(library, "curl_easy_getinfo", curl.easy_getinfo));
  ESPALIER_RETURN_IF_ERROR(Find(library, "curl_easy_init", curl.easy_init));
  ESPALIER_RETURN_IF_ERROR(Find(library, "curl_easy_perform", curl.easy_perform));
  ESPALIER_RETURN_IF_ERROR(Find(library, "curl_easy_reset", curl.easy_reset));
  ESPALIER_RETURN_IF_ERROR(Find(library, "curl_easy_setopt", curl.easy_setopt));
  ESPALIER_RETURN_IF_ERROR(Find(library, "curl_easy_strerror", curl.easy_strerror));
  ESPALIER_RETURN_IF_ERROR(Find(library, "curl_free", curl.free));
  ESPALIER_RETURN_IF_ERROR(Find(library, "curl_multi_add_handle", curl.multi_add_handle));
  ESPALIER_RETURN_IF_ERROR(Find(library, "curl_multi_cleanup", curl.multi_cleanup));
  ESPALIER_RETURN_IF_ERROR(Find(library, "curl_multi_info_read", curl.multi_info_read));
  ESPALIER_RETURN_IF_ERROR(Find(library, "curl_multi_init", curl.multi_init));
  ESPALIER_RETURN_IF_ERROR(Find(library, "curl_multi_perform", curl.multi_perform));
  ESPALIER_RETURN_IF_ERROR(Find(library, "curl_multi_poll", curl.multi_poll));
  ESPALIER_RETURN_IF_ERROR(Find(library, "curl_multi_remove_handle", curl.multi_remove_handle));
  ESPALIER_RETURN_IF_ERROR(Find(library, "curl_multi_strerror", curl.multi_strerror));
  ESPALIER_RETURN_IF_ERROR(Find(library, "curl_slist_append", curl.slist_append));
  ESPALIER_RETURN_IF_ERROR(Find(library, "curl_slist_free_all", curl.slist_free_all));
  ESPALIER_RETURN_IF_ERROR(Find(library, "curl_url", curl.url));
  ESPALIER_RETURN_IF_ERROR(Find(library, "curl_url_cleanup", curl.url_cleanup));
  ESPALIER_RETURN_IF_ERROR(Find(library, "curl_url_get", curl.url_get));
  ESPALIER_RETURN_IF_ERROR(Find(library, "curl_url_set", curl.url_set));
  if (global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
    return absl::ResourceExhaustedError("libcurl did not start");
  }
  return curl;
}

absl::StatusOr<const CurlLibrary*> LoadCurl() {
  static const auto& curl = *new absl::StatusOr<CurlLibrary>(OpenCurl(kFile));
  if (!curl.ok()) return curl.status();
  return &*curl;
}

}  // namespace espalier
