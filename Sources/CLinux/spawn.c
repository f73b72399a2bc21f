// fork is unavailable in Swift, and posix_spawn knows neither namespaces nor death signals.
#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

// Only async-signal-safe calls from here to exec, and nothing that leaves a trace in memory: the child may be in its parent's.
static int become(const struct provision_spawn_options *options, int report) {
    if (options->parent_death_signal && prctl(PR_SET_PDEATHSIG, options->parent_death_signal) < 0) return -1;
    // A parent that was killed before that line sends no signal any more; its end of the pipe is closed then.
    struct pollfd parent = {.fd = report, .events = 0};
    if (options->parent_death_signal && poll(&parent, 1, 0) == 1) _exit(127);
    for (int i = 0; i < options->cgroup_count; i++)
        if (write(options->cgroups[i], "0", 1) != 1) return -1;
    if (options->network_namespace >= 0 && setns(options->network_namespace, CLONE_NEWNET) < 0) return -1;
    if (options->joining && provision_enter_namespaces(options->joining) < 0) return -1;
    if (options->mount_proc && mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0) return -1;
    if (options->new_session && setsid() < 0) return -1;
    if (options->new_group && setpgid(0, 0) < 0) return -1;
    if (options->new_session && options->terminal >= 0 && ioctl(options->terminal, TIOCSCTTY, 0) < 0) return -1;
    sigset_t none;
    sigemptyset(&none);
    for (int number = 1; number < NSIG; number++) signal(number, SIG_DFL);
    sigprocmask(SIG_SETMASK, &none, NULL);
    // Move the sources out of the way of the targets first, then into place (dup3 without O_CLOEXEC keeps them open).
    int moved[16];
    if (options->descriptor_count > 16) { errno = EINVAL; return -1; }
    for (int i = 0; i < options->descriptor_count; i++)
        if ((moved[i] = fcntl(options->sources[i], F_DUPFD_CLOEXEC, 64)) < 0) return -1;
    int keep = fcntl(report, F_DUPFD_CLOEXEC, 64);
    if (keep < 0) return -1;
    for (int i = 0; i < options->descriptor_count; i++)
        if (dup2(moved[i], options->targets[i]) < 0) return -1;
    int highest = 2;
    for (int i = 0; i < options->descriptor_count; i++)
        if (options->targets[i] > highest) highest = options->targets[i];
    // CLOSE_RANGE_CLOEXEC: whatever else is open ends at exec, the error pipe too.
    if (syscall(SYS_close_range, (unsigned)highest + 1, ~0U, 1U << 2) < 0) return -1;
    for (int fd = 3; fd <= highest; fd++) {
        int wanted = 0;
        for (int i = 0; i < options->descriptor_count; i++) wanted |= options->targets[i] == fd;
        if (!wanted && fcntl(fd, F_GETFD) >= 0) fcntl(fd, F_SETFD, FD_CLOEXEC);
    }
    if (options->directory && chdir(options->directory) < 0) return -1;
    if (options->joining) {
        if (provision_take_restraints(options->joining) < 0) return -1;
        // A change of user clears it.
        if (options->parent_death_signal && prctl(PR_SET_PDEATHSIG, options->parent_death_signal) < 0) return -1;
    }
    execve(options->path, options->arguments, options->environment);
    int error = errno;
    (void)!write(keep, &error, sizeof error);
    _exit(127);
}

struct start {
    const struct provision_spawn_options *options;
    int *report;
};

static int child(void *argument) {
    struct start *start = argument;
    close(start->report[0]);
    become(start->options, start->report[1]);
    int error = errno;
    (void)!write(start->report[1], &error, sizeof error);
    _exit(127);
}

// In our memory until it is another program, while this thread waits: a copy of all our page tables takes a millisecond, and every page
// that is written afterwards another fault.
static pid_t start_in_our_memory(struct start *start) {
    const size_t size = 1 << 16;
    char *stack = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    if (stack == MAP_FAILED) return -1;
    pid_t pid = clone(child, stack + size, start->options->namespaces | CLONE_VM | CLONE_VFORK | SIGCHLD, start);
    int error = errno;
    munmap(stack, size);
    errno = error;
    return pid;
}

pid_t provision_spawn(const struct provision_spawn_options *options) {
    int report[2];
    if (pipe2(report, O_CLOEXEC) < 0) return -1;
    // Children start in the pid namespace that is chosen here; this thread stays in its own.
    int own_pids = -1;
    if (options->joining && options->joining->pid_namespace >= 0) {
        own_pids = open("/proc/thread-self/ns/pid", O_RDONLY | O_CLOEXEC);
        if (own_pids < 0 || setns(options->joining->pid_namespace, CLONE_NEWPID) < 0) {
            int error = errno;
            close(own_pids);
            close(report[0]);
            close(report[1]);
            errno = error;
            return -1;
        }
    }
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    struct start start = {options, report};
    // A change of user, which joining a container has, would tell the kernel that our memory is a secret.
    pid_t pid = options->joining ? (pid_t)syscall(SYS_clone, options->namespaces | SIGCHLD, 0, 0, 0, 0)
                                 : start_in_our_memory(&start);
    if (pid == 0) child(&start);
    int error = errno;
    if (own_pids >= 0) {
        // It was ours a moment ago: the kernel has no reason to refuse.
        if (setns(own_pids, CLONE_NEWPID) < 0) abort();
        close(own_pids);
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    close(report[1]);
    if (pid < 0) {
        close(report[0]);
        errno = error;
        return -1;
    }
    ssize_t count;
    do count = read(report[0], &error, sizeof error);
    while (count < 0 && errno == EINTR);
    close(report[0]);
    if (count == sizeof error) {
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {}
        errno = error;
        return -1;
    }
    return pid;
}
