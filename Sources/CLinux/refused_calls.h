// Calls that no scriptlet needs: X(name, what it attempts, errno). An attempt without words is refused in silence: programs probe for it.
#include <errno.h>

#define REFUSED_EVERYWHERE(X)                                  \
    X(init_module, "load a kernel module", EPERM)              \
    X(finit_module, "load a kernel module", EPERM)             \
    X(delete_module, "unload a kernel module", EPERM)          \
    X(reboot, "restart or halt the machine", EPERM)            \
    X(settimeofday, "set the clock", EPERM)                    \
    X(clock_settime, "set the clock", EPERM)                   \
    X(kexec_load, "start another kernel", EPERM)               \
    X(swapon, "change what the machine swaps to", EPERM)       \
    X(swapoff, "change what the machine swaps to", EPERM)      \
    X(acct, "switch process accounting", EPERM)                \
    X(adjtimex, 0, EPERM)                                      \
    X(clock_adjtime, 0, EPERM)                                 \
    X(bpf, 0, EPERM)                                           \
    X(perf_event_open, 0, EPERM)                               \
    X(add_key, 0, EPERM)                                       \
    X(request_key, 0, EPERM)                                   \
    X(keyctl, 0, EPERM)                                        \
    X(quotactl, 0, EPERM)                                      \
    X(syslog, 0, EPERM)                                        \
    X(ptrace, 0, EPERM)                                        \
    X(process_vm_readv, 0, EPERM)                              \
    X(process_vm_writev, 0, EPERM)                             \
    X(kcmp, 0, EPERM)                                          \
    X(open_by_handle_at, 0, EPERM)                             \
    X(fanotify_init, 0, EPERM)                                 \
    X(userfaultfd, 0, EPERM)                                   \
    X(setns, 0, EPERM)                                         \
    X(io_uring_setup, 0, ENOSYS)                               \
    X(io_uring_enter, 0, ENOSYS)                               \
    X(io_uring_register, 0, ENOSYS)                            \
    /* Its flags are in memory, where a filter can't see a new user namespace; C libraries fall back to clone. */ \
    X(clone3, 0, ENOSYS)

struct provision_refused_call {
    int number;
    const char *what;
    int error;
};
#define PROVISION_REFUSED_CALL(name, what, error) {__NR_##name, what, error},

/// Of 32-bit x86, whose programs run on x86_64 too; empty on other machines.
extern const struct provision_refused_call provision_refused_i386[];
extern const int provision_refused_i386_count, provision_clone_i386, provision_unshare_i386;
