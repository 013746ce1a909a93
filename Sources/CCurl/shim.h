// libcurl: the HTTP client for the schema registry. Debian: libcurl4-openssl-dev.
#ifndef MILLRACE_CCURL_H
#define MILLRACE_CCURL_H

#include <curl/curl.h>

// curl_easy_setopt() and curl_easy_getinfo() are variadic, which Swift does not import: one function for each type of
// value. libcurl copies texts; lists, buffers and the body it does not.
static inline CURLcode millrace_curl_set_number(CURL *handle, CURLoption option, long value) {
  return curl_easy_setopt(handle, option, value);
}

static inline CURLcode millrace_curl_set_text(CURL *handle, CURLoption option, const char *value) {
  return curl_easy_setopt(handle, option, value);
}

static inline CURLcode millrace_curl_set_list(CURL *handle, CURLoption option, struct curl_slist *value) {
  return curl_easy_setopt(handle, option, value);
}

static inline CURLcode millrace_curl_set_buffer(CURL *handle, CURLoption option, void *value) {
  return curl_easy_setopt(handle, option, value);
}

// The body to send, which libcurl copies.
static inline CURLcode millrace_curl_set_body(CURL *handle, const void *bytes, long count) {
  CURLcode code = curl_easy_setopt(handle, CURLOPT_POSTFIELDSIZE, count);
  return code == CURLE_OK ? curl_easy_setopt(handle, CURLOPT_COPYPOSTFIELDS, bytes) : code;
}

typedef size_t (*millrace_curl_writer)(char *bytes, size_t size, size_t count, void *context);
static inline CURLcode millrace_curl_set_writer(CURL *handle, millrace_curl_writer writer, void *context) {
  CURLcode code = curl_easy_setopt(handle, CURLOPT_WRITEDATA, context);
  return code == CURLE_OK ? curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, writer) : code;
}

static inline long millrace_curl_status(CURL *handle) {
  long status = 0;
  curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &status);
  return status;
}

// Where the answer points to instead, or null. Lives until the next request.
static inline const char *millrace_curl_redirect(CURL *handle) {
  char *url = NULL;
  curl_easy_getinfo(handle, CURLINFO_REDIRECT_URL, &url);
  return url;
}

#endif
