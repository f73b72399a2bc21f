// libcurl's variadic setters, one static inline for each kind of argument: Swift can't call variadic C functions.
#pragma once
#include <curl/curl.h>

static inline CURLcode provision_curl_set_long(CURL *handle, CURLoption option, long value) {
    return curl_easy_setopt(handle, option, value);
}
static inline CURLcode provision_curl_set_offset(CURL *handle, CURLoption option, curl_off_t value) {
    return curl_easy_setopt(handle, option, value);
}
static inline CURLcode provision_curl_set_string(CURL *handle, CURLoption option, const char *value) {
    return curl_easy_setopt(handle, option, value);
}
static inline CURLcode provision_curl_set_pointer(CURL *handle, CURLoption option, void *value) {
    return curl_easy_setopt(handle, option, value);
}
static inline CURLcode provision_curl_set_list(CURL *handle, CURLoption option, struct curl_slist *value) {
    return curl_easy_setopt(handle, option, value);
}
/// CURLAUTH_BEARER and CURLAUTH_BASIC are macros with casts, which Swift doesn't see.
static const unsigned long provision_curl_bearer = CURLAUTH_BEARER;
typedef size_t (*provision_curl_data_callback)(char *bytes, size_t size, size_t count, void *context);
static inline CURLcode provision_curl_set_data_callback(CURL *handle, CURLoption option, provision_curl_data_callback value) {
    return curl_easy_setopt(handle, option, value);
}
typedef int (*provision_curl_progress_callback)(void *context, curl_off_t, curl_off_t, curl_off_t, curl_off_t);
static inline CURLcode provision_curl_set_progress_callback(CURL *handle, provision_curl_progress_callback value) {
    return curl_easy_setopt(handle, CURLOPT_XFERINFOFUNCTION, value);
}
static inline CURLcode provision_curl_get_long(CURL *handle, CURLINFO info, long *value) {
    return curl_easy_getinfo(handle, info, value);
}
static inline CURLcode provision_curl_get_offset(CURL *handle, CURLINFO info, curl_off_t *value) {
    return curl_easy_getinfo(handle, info, value);
}
static inline CURLcode provision_curl_get_string(CURL *handle, CURLINFO info, const char **value) {
    return curl_easy_getinfo(handle, info, (char **)value);
}
static inline CURLcode provision_curl_get_pointer(CURL *handle, CURLINFO info, void **value) {
    return curl_easy_getinfo(handle, info, value);
}
static inline CURLMcode provision_curl_multi_set_long(CURLM *multi, CURLMoption option, long value) {
    return curl_multi_setopt(multi, option, value);
}
/// The transfer result of a CURLMSG_DONE message: the union member is not visible from Swift.
static inline CURLcode provision_curl_message_result(const CURLMsg *message) { return message->data.result; }
/// Limits a handle to http, https and file; redirects lead to https alone, or to http as well.
static inline CURLcode provision_curl_limit_protocols(CURL *handle, int redirects_over_http) {
#if LIBCURL_VERSION_NUM >= 0x075500
    CURLcode code = curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https,file");
    if (code != CURLE_OK) return code;
    return curl_easy_setopt(handle, CURLOPT_REDIR_PROTOCOLS_STR, redirects_over_http ? "http,https" : "https");
#else
    CURLcode code = curl_easy_setopt(handle, CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS | CURLPROTO_FILE));
    if (code != CURLE_OK) return code;
    return curl_easy_setopt(handle, CURLOPT_REDIR_PROTOCOLS, (long)(CURLPROTO_HTTPS | (redirects_over_http ? CURLPROTO_HTTP : 0)));
#endif
}
