// libcurl, loaded at the first transfer: with its forty libraries that takes longer than many a command that needs none.
//
// provision_curl_load comes before all else. The functions are libcurl's own under its names with provision_ in front; its variadic
// setters are here once for each kind of argument, since Swift can't call them.
#pragma once
#include <curl/curl.h>

#define PROVISION_CURL_FUNCTIONS(EACH) \
    EACH(global_init) EACH(easy_init) EACH(easy_cleanup) EACH(easy_setopt) EACH(easy_getinfo) EACH(easy_pause) \
    EACH(easy_strerror) EACH(slist_append) EACH(slist_free_all) EACH(multi_init) EACH(multi_cleanup) EACH(multi_setopt) \
    EACH(multi_add_handle) EACH(multi_remove_handle) EACH(multi_perform) EACH(multi_poll) EACH(multi_info_read) EACH(multi_strerror)

#define PROVISION_CURL_MEMBER(name) __typeof__(&curl_##name) name;
struct provision_curl {
    PROVISION_CURL_FUNCTIONS(PROVISION_CURL_MEMBER)
};
extern struct provision_curl provision_curl;

/// Loads libcurl and finds what is called of it. Returns null, or the loader's words, which stay valid; the first call's are kept.
const char *provision_curl_load(void);

static inline CURLcode provision_curl_global_init(long flags) { return provision_curl.global_init(flags); }
static inline CURL *provision_curl_easy_init(void) { return provision_curl.easy_init(); }
static inline void provision_curl_easy_cleanup(CURL *handle) { provision_curl.easy_cleanup(handle); }
static inline CURLcode provision_curl_easy_pause(CURL *handle, int mask) { return provision_curl.easy_pause(handle, mask); }
static inline const char *provision_curl_easy_strerror(CURLcode code) { return provision_curl.easy_strerror(code); }
static inline struct curl_slist *provision_curl_slist_append(struct curl_slist *list, const char *text) {
    return provision_curl.slist_append(list, text);
}
static inline void provision_curl_slist_free_all(struct curl_slist *list) { provision_curl.slist_free_all(list); }
static inline CURLM *provision_curl_multi_init(void) { return provision_curl.multi_init(); }
static inline CURLMcode provision_curl_multi_cleanup(CURLM *multi) { return provision_curl.multi_cleanup(multi); }
static inline CURLMcode provision_curl_multi_add_handle(CURLM *multi, CURL *handle) {
    return provision_curl.multi_add_handle(multi, handle);
}
static inline CURLMcode provision_curl_multi_remove_handle(CURLM *multi, CURL *handle) {
    return provision_curl.multi_remove_handle(multi, handle);
}
static inline CURLMcode provision_curl_multi_perform(CURLM *multi, int *running) {
    return provision_curl.multi_perform(multi, running);
}
static inline CURLMcode provision_curl_multi_poll(
    CURLM *multi, struct curl_waitfd *others, unsigned int count, int milliseconds, int *ready) {
    return provision_curl.multi_poll(multi, others, count, milliseconds, ready);
}
static inline CURLMsg *provision_curl_multi_info_read(CURLM *multi, int *rest) {
    return provision_curl.multi_info_read(multi, rest);
}
static inline const char *provision_curl_multi_strerror(CURLMcode code) { return provision_curl.multi_strerror(code); }

static inline CURLcode provision_curl_set_long(CURL *handle, CURLoption option, long value) {
    return provision_curl.easy_setopt(handle, option, value);
}
static inline CURLcode provision_curl_set_offset(CURL *handle, CURLoption option, curl_off_t value) {
    return provision_curl.easy_setopt(handle, option, value);
}
static inline CURLcode provision_curl_set_string(CURL *handle, CURLoption option, const char *value) {
    return provision_curl.easy_setopt(handle, option, value);
}
static inline CURLcode provision_curl_set_pointer(CURL *handle, CURLoption option, void *value) {
    return provision_curl.easy_setopt(handle, option, value);
}
static inline CURLcode provision_curl_set_list(CURL *handle, CURLoption option, struct curl_slist *value) {
    return provision_curl.easy_setopt(handle, option, value);
}
/// CURLAUTH_BEARER and CURLAUTH_BASIC are macros with casts, which Swift doesn't see.
static const unsigned long provision_curl_bearer = CURLAUTH_BEARER;
typedef size_t (*provision_curl_data_callback)(char *bytes, size_t size, size_t count, void *context);
static inline CURLcode provision_curl_set_data_callback(CURL *handle, CURLoption option, provision_curl_data_callback value) {
    return provision_curl.easy_setopt(handle, option, value);
}
typedef int (*provision_curl_progress_callback)(void *context, curl_off_t, curl_off_t, curl_off_t, curl_off_t);
static inline CURLcode provision_curl_set_progress_callback(CURL *handle, provision_curl_progress_callback value) {
    return provision_curl.easy_setopt(handle, CURLOPT_XFERINFOFUNCTION, value);
}
static inline CURLcode provision_curl_get_long(CURL *handle, CURLINFO info, long *value) {
    return provision_curl.easy_getinfo(handle, info, value);
}
static inline CURLcode provision_curl_get_offset(CURL *handle, CURLINFO info, curl_off_t *value) {
    return provision_curl.easy_getinfo(handle, info, value);
}
static inline CURLcode provision_curl_get_string(CURL *handle, CURLINFO info, const char **value) {
    return provision_curl.easy_getinfo(handle, info, (char **)value);
}
static inline CURLcode provision_curl_get_pointer(CURL *handle, CURLINFO info, void **value) {
    return provision_curl.easy_getinfo(handle, info, value);
}
static inline CURLMcode provision_curl_multi_set_long(CURLM *multi, CURLMoption option, long value) {
    return provision_curl.multi_setopt(multi, option, value);
}
/// The transfer result of a CURLMSG_DONE message: the union member is not visible from Swift.
static inline CURLcode provision_curl_message_result(const CURLMsg *message) { return message->data.result; }
/// Limits a handle to http, https and file; redirects lead to https alone, or to http as well.
static inline CURLcode provision_curl_limit_protocols(CURL *handle, int redirects_over_http) {
#if LIBCURL_VERSION_NUM >= 0x075500
    CURLcode code = provision_curl.easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https,file");
    if (code != CURLE_OK) return code;
    return provision_curl.easy_setopt(handle, CURLOPT_REDIR_PROTOCOLS_STR, redirects_over_http ? "http,https" : "https");
#else
    CURLcode code = provision_curl.easy_setopt(handle, CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS | CURLPROTO_FILE));
    if (code != CURLE_OK) return code;
    return provision_curl.easy_setopt(handle, CURLOPT_REDIR_PROTOCOLS, (long)(CURLPROTO_HTTPS | (redirects_over_http ? CURLPROTO_HTTP : 0)));
#endif
}
