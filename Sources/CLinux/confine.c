// What a process gives up before it runs programs that it doesn't trust: system calls and capabilities.
#define _GNU_SOURCE
#include "CLinux.h"
#include "refused_calls.h"

#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
#define OWN_ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define OWN_ARCHITECTURE AUDIT_ARCH_AARCH64
#else
#error "the system call filter knows x86_64 and aarch64"
#endif

static const struct provision_refused_call refused[] = {
    REFUSED_EVERYWHERE(PROVISION_REFUSED_CALL)
    PROVISION_REFUSED_CALL(kexec_file_load, "start another kernel", EPERM)
#if defined(__x86_64__)
    PROVISION_REFUSED_CALL(iopl, "reach the machine's ports", EPERM)
    PROVISION_REFUSED_CALL(ioperm, "reach the machine's ports", EPERM)
#endif
};
static const int refused_count = sizeof refused / sizeof *refused;

// A BPF program under construction. Every test jumps over what it doesn't apply to, so no jump is longer than a byte holds.
struct program {
    struct sock_filter code[512];
    unsigned short length;
};

static void emit(struct program *program, struct sock_filter instruction) { program->code[program->length++] = instruction; }
static void load(struct program *program, unsigned offset) {
    emit(program, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offset));
}
static void end_with(struct program *program, unsigned action) {
    emit(program, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, action));
}
/// Goes on with the next instruction where the loaded word is `value`, and skips `count` otherwise.
static void unless_equal_skip(struct program *program, unsigned value, unsigned char count) {
    emit(program, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, count));
}
static unsigned failing_with(int error) { return SECCOMP_RET_ERRNO | (error & SECCOMP_RET_DATA); }

// Both architectures are little-endian: the low half comes first.
static const unsigned first_argument = offsetof(struct seccomp_data, args[0]);

/// Refuses a call whose first argument asks for a user namespace: its owner has all capabilities in it, and a wide part of the
/// kernel to try them on.
static void refuse_user_namespace(struct program *program, int number) {
    unless_equal_skip(program, number, 4);
    load(program, first_argument);
    emit(program, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, CLONE_NEWUSER, 0, 1));
    end_with(program, failing_with(EPERM));
    end_with(program, SECCOMP_RET_ALLOW);
}

/// Refuses all sockets but those that a network namespace contains and netlink.
static void refuse_sockets(struct program *program) {
    const unsigned char families[] = {AF_UNIX, AF_INET, AF_INET6, AF_NETLINK};
    unless_equal_skip(program, __NR_socket, 1 + 2 * sizeof families + 1);
    load(program, first_argument);
    for (size_t i = 0; i < sizeof families; i++) {
        unless_equal_skip(program, families[i], 1);
        end_with(program, SECCOMP_RET_ALLOW);
    }
    end_with(program, failing_with(EAFNOSUPPORT));
}

static void refuse(struct program *program, const struct provision_refused_call *calls, int count, int tell) {
    for (int i = 0; i < count; i++) {
        unless_equal_skip(program, calls[i].number, 1);
        end_with(program, tell && calls[i].what ? SECCOMP_RET_USER_NOTIF : failing_with(calls[i].error));
    }
}

static void build(struct program *program, int tell) {
    program->length = 0;
    load(program, offsetof(struct seccomp_data, arch));
    emit(program, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, OWN_ARCHITECTURE, 1, 0));
    unsigned short over = program->length;
    emit(program, (struct sock_filter)BPF_STMT(BPF_JMP | BPF_JA, 0));
    load(program, offsetof(struct seccomp_data, nr));
#if defined(__x86_64__)
    // x32's numbers for the same calls.
    emit(program, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 0x40000000, 0, 1));
    end_with(program, failing_with(ENOSYS));
#endif
    refuse(program, refused, refused_count, tell);
    refuse_user_namespace(program, __NR_clone);
    load(program, offsetof(struct seccomp_data, nr));
    refuse_user_namespace(program, __NR_unshare);
    load(program, offsetof(struct seccomp_data, nr));
    refuse_sockets(program);
    end_with(program, SECCOMP_RET_ALLOW);
    program->code[over].k = program->length - over - 1;
#if defined(__x86_64__)
    unless_equal_skip(program, AUDIT_ARCH_I386, 1);
    emit(program, (struct sock_filter)BPF_STMT(BPF_JMP | BPF_JA, 1));
    end_with(program, failing_with(ENOSYS));
    load(program, offsetof(struct seccomp_data, nr));
    refuse(program, provision_refused_i386, provision_refused_i386_count, tell);
    refuse_user_namespace(program, provision_clone_i386);
    load(program, offsetof(struct seccomp_data, nr));
    refuse_user_namespace(program, provision_unshare_i386);
    end_with(program, SECCOMP_RET_ALLOW);
#else
    end_with(program, failing_with(ENOSYS));
#endif
}

int provision_refuse_calls(int *listener) {
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) return -1;
    struct program program;
    build(&program, 1);
    struct sock_fprog filter = {.len = program.length, .filter = program.code};
    *listener = (int)syscall(
        SYS_seccomp, SECCOMP_SET_MODE_FILTER,
        SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_TSYNC_ESRCH, &filter);
    if (*listener >= 0) return 0;
    // Somebody above listens already (a container engine), and there can be one only: refuse without being told.
    build(&program, 0);
    filter.len = program.length;
    return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &filter);
}

int provision_answer_refused_call(int listener, const char **what) {
    union {
        struct seccomp_notif notice;
        char room[512];
    } request;
    union {
        struct seccomp_notif_resp answer;
        char room[512];
    } response;
    memset(&request, 0, sizeof request);
    memset(&response, 0, sizeof response);
    if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &request.notice) < 0) return -1;
    int own = request.notice.data.arch == OWN_ARCHITECTURE;
    const struct provision_refused_call *calls = own ? refused : provision_refused_i386;
    int count = own ? refused_count : provision_refused_i386_count;
    *what = NULL;
    for (int i = 0; i < count; i++)
        if (calls[i].number == request.notice.data.nr) *what = calls[i].what;
    response.answer.id = request.notice.id;
    response.answer.error = -EPERM;
    // The caller may have been killed meanwhile: then there is nobody to answer.
    (void)!ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &response.answer);
    return 0;
}

int provision_keep_capabilities(uint64_t own, uint64_t programs) {
    for (int capability = 0; prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0; capability++)
        if (!(programs >> capability & 1) && prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) < 0) return -1;
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0) return -1;
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2];
    if (syscall(SYS_capget, &header, data) < 0) return -1;
    for (int half = 0; half < 2; half++) {
        data[half].permitted &= (uint32_t)(own >> (32 * half));
        data[half].effective = data[half].permitted;
        data[half].inheritable = 0;
    }
    return (int)syscall(SYS_capset, &header, data);
}

int provision_forbid_core_dumps(void) {
    // 1 and not 0: only this keeps the kernel from starting a handler of the host's for them (core(5)).
    struct rlimit limit = {.rlim_cur = 1, .rlim_max = 1};
    return setrlimit(RLIMIT_CORE, &limit);
}
