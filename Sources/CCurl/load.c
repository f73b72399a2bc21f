#include "CCurl.h"

#include <dlfcn.h>
#include <pthread.h>

struct provision_curl provision_curl;

static pthread_once_t once = PTHREAD_ONCE_INIT;
static const char *failure;

static int find(void *library, const char *name, void **function) {
    *function = dlsym(library, name);
    return *function != NULL;
}

static void load(void) {
    void *library = dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL);
#define FIND(name) &&find(library, "curl_" #name, (void **)&provision_curl.name)
    if (!(library PROVISION_CURL_FUNCTIONS(FIND))) failure = dlerror();
}

const char *provision_curl_load(void) {
    pthread_once(&once, load);
    return failure;
}
