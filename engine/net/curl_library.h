// CurlLibrary: the functions of libcurl that we use, found at run time. Linked in, it would bring
// some thirty shared libraries to every start of the command line, which must run where none of
// them is installed: docs/decisions/0003-libcurl-at-run-time.md.
#pragma once

#include <curl/curl.h>

#include "absl/status/statusor.h"

namespace espalier {

struct CurlLibrary {
  decltype(&::curl_easy_cleanup) easy_cleanup = nullptr;
  decltype(&::curl_easy_getinfo) easy_getinfo = nullptr;
  decltype(&::curl_easy_init) easy_init = nullptr;
  decltype(&::curl_easy_perform) easy_perform = nullptr;
  decltype(&::curl_easy_reset) easy_reset = nullptr;
  decltype(&::curl_easy_setopt) easy_setopt = nullptr;
  decltype(&::curl_easy_strerror) easy_strerror = nullptr;
  decltype(&::curl_free) free = nullptr;
  decltype(&::curl_multi_add_handle) multi_add_handle = nullptr;
  decltype(&::curl_multi_cleanup) multi_cleanup = nullptr;
  decltype(&::curl_multi_info_read) multi_info_read = nullptr;
  decltype(&::curl_multi_init) multi_init = nullptr;
  decltype(&::curl_multi_perform) multi_perform = nullptr;
  decltype(&::curl_multi_poll) multi_poll = nullptr;
  decltype(&::curl_multi_remove_handle) multi_remove_handle = nullptr;
  decltype(&::curl_multi_strerror) multi_strerror = nullptr;
  decltype(&::curl_slist_append) slist_append = nullptr;
  decltype(&::curl_slist_free_all) slist_free_all = nullptr;
  decltype(&::curl_url) url = nullptr;
  decltype(&::curl_url_cleanup) url_cleanup = nullptr;
  decltype(&::curl_url_get) url_get = nullptr;
  decltype(&::curl_url_set) url_set = nullptr;
};

// The machine's libcurl: the same answer for the whole life of the process, to any thread.
// FAILED_PRECONDITION, with what to install: there is none, or it is older than 7.85.
absl::StatusOr<const CurlLibrary*> LoadCurl();

// The libcurl in `file`, which is never closed. Errors as above.
absl::StatusOr<CurlLibrary> OpenCurl(const char* file);

}  // namespace espalier
