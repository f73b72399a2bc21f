#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

int provision_attach_loop(int file, char *name, size_t size) {
    int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
    if (control < 0) return -1;
    int device = -1;
    // Somebody else may take the free one first: then ask again.
    for (int attempt = 0; attempt < 64; attempt++) {
        int number = ioctl(control, LOOP_CTL_GET_FREE);
        if (number < 0) break;
        snprintf(name, size, "/dev/loop%d", number);
        device = open(name, O_RDONLY | O_CLOEXEC);
        if (device < 0) break;
        struct loop_config config = {.fd = (__u32)file, .info = {.lo_flags = LO_FLAGS_READ_ONLY | LO_FLAGS_AUTOCLEAR}};
        if (ioctl(device, LOOP_CONFIGURE, &config) == 0) break;
        int error = errno;
        close(device);
        device = -1;
        errno = error;
        if (error != EBUSY) break;
    }
    int error = errno;
    close(control);
    errno = error;
    return device;
}

int provision_punch_hole(int fd, int64_t offset, int64_t length) {
    return fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, length);
}
