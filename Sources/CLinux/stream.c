#define _GNU_SOURCE
#include "CLinux.h"

#include <stdio.h>

void *provision_open_reader(ssize_t (*read)(void *context, char *buffer, size_t size), void *context) {
    cookie_io_functions_t functions = {.read = read};
    return fopencookie(context, "r", functions);
}
