// A user namespace that only serves as a map of numbers, and mounts that show a tree through it.
#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/securebits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/fsuid.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int write_map(pid_t pid, const char *file, uint32_t outside, uint32_t count) {
    char path[64], text[64];
    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, file);
    int length = snprintf(text, sizeof text, "0 %u %u\n", outside, count);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0) return -1;
    ssize_t written = write(fd, text, (size_t)length);
    int error = errno;
    close(fd);
    errno = error;
    return written == length ? 0 : -1;
}

int provision_make_user_namespace(uint32_t outside, uint32_t count) {
    pid_t pid = (pid_t)syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0);
    if (pid < 0) return -1;
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (;;) pause();
    }
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/ns/user", (int)pid);
    int fd = -1;
    if (write_map(pid, "uid_map", outside, count) == 0 && write_map(pid, "gid_map", outside, count) == 0)
        fd = open(path, O_RDONLY | O_CLOEXEC);
    int error = errno;
    kill(pid, SIGKILL);
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {}
    errno = error;
    return fd;
}

int provision_map_mount(int mount, int user_namespace) {
    struct mount_attr attributes = {.attr_set = MOUNT_ATTR_IDMAP, .userns_fd = (uint64_t)user_namespace};
    return mount_setattr(mount, "", AT_EMPTY_PATH, &attributes, sizeof attributes);
}

int provision_own_files_as(uint32_t owner) {
    // By default the kernel takes some capabilities from a user who isn't root.
    int before = prctl(PR_GET_SECUREBITS, 0, 0, 0, 0);
    if (before < 0 || prctl(PR_SET_SECUREBITS, before | SECBIT_NO_SETUID_FIXUP, 0, 0, 0) < 0) return -1;
    setfsgid(owner);
    setfsuid(owner);
    return before;
}

int provision_own_files_again(int before) {
    setfsuid(geteuid());
    setfsgid(getegid());
    return prctl(PR_SET_SECUREBITS, before, 0, 0, 0);
}

int provision_enter_own_user_namespace(void) {
    uid_t user = geteuid();
    gid_t group = getegid();
    if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0) return -1;
    int fd = open("/proc/self/setgroups", O_WRONLY | O_CLOEXEC);
    if (fd >= 0) {
        ssize_t written = write(fd, "deny", 4);
        close(fd);
        if (written != 4) return -1;
    }
    return write_map(getpid(), "uid_map", user, 1) < 0 ? -1 : write_map(getpid(), "gid_map", group, 1);
}
