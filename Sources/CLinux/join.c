// Taking on another process's namespaces and restraints: what nsenter(1) does, and seccomp filters as well.
#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/openat2.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

// Async-signal-safe, like all that runs between clone and exec.
int provision_enter_namespaces(const struct provision_joining *joining) {
    if (joining->namespaces && setns(joining->process, joining->namespaces) < 0) return -1;
    // After setns the root directory is that of the namespace, which needn't be the process's own.
    if (fchdir(joining->root) < 0 || chroot(".") < 0) return -1;
    return chdir("/");
}

int provision_take_restraints(const struct provision_joining *joining) {
    for (int capability = 0; capability < 64; capability++) {
        if (joining->bounding >> capability & 1) continue;
        // EINVAL: beyond the last one that this kernel knows.
        if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) < 0 && errno != EINVAL) return -1;
    }
    if (joining->no_new_privileges && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) return -1;
    // While CAP_SYS_ADMIN is still there: the kernel wants that or no_new_privs.
    for (int i = 0; i < joining->filter_count; i++) {
        struct sock_fprog program = {.len = joining->filters[i].length,
                                     .filter = (struct sock_filter *)joining->filters[i].instructions};
        if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0) return -1;
    }
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2];
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 || syscall(SYS_capget, &header, data) < 0) return -1;
    data[0].inheritable = data[1].inheritable = 0;
    if (syscall(SYS_capset, &header, data) < 0) return -1;
    // The system calls and not glibc's functions, which speak to all threads of the process that this is a copy of.
    if (syscall(SYS_setgroups, joining->group_count, joining->groups) < 0) return -1;
    if (syscall(SYS_setresgid, joining->group, joining->group, joining->group) < 0) return -1;
    return (int)syscall(SYS_setresuid, joining->user, joining->user, joining->user);
}

int provision_trace(pid_t pid) {
    if (ptrace(PTRACE_SEIZE, pid, NULL, NULL) < 0) return -1;
    int status;
    pid_t stopped = -1;
    if (ptrace(PTRACE_INTERRUPT, pid, NULL, NULL) == 0)
        do stopped = waitpid(pid, &status, __WALL);
        while (stopped < 0 && errno == EINTR);
    if (stopped == pid && WIFSTOPPED(status)) {
        // A signal that arrived first is handed on when it goes on.
        int signal = status >> 16 == 0 ? WSTOPSIG(status) : 0;
        return signal;
    }
    int error = stopped < 0 ? errno : ESRCH;
    ptrace(PTRACE_DETACH, pid, NULL, NULL);
    errno = error;
    return -1;
}

int provision_untrace(pid_t pid, int signal) { return (int)ptrace(PTRACE_DETACH, pid, NULL, (void *)(long)signal); }

int provision_read_filter(pid_t pid, unsigned index, uint64_t *instructions) {
    return (int)ptrace(PTRACE_SECCOMP_GET_FILTER, pid, (void *)(unsigned long)index, instructions);
}

int provision_open_terminal_in(int root, int ends[2]) {
    ends[0] = provision_openat2(
        root, "dev/pts/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC, 0, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
    if (ends[0] < 0) return -1;
    // Who rules the root may have put anything there: only the kernel's own multiplexer will do.
    struct stat status;
    if (fstat(ends[0], &status) == 0 && S_ISCHR(status.st_mode) && status.st_rdev == makedev(5, 2)) {
        if (unlockpt(ends[0]) == 0 && (ends[1] = ioctl(ends[0], TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC)) >= 0) return 0;
    } else {
        errno = ENOTTY;
    }
    int error = errno;
    close(ends[0]);
    errno = error;
    return -1;
}
