#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/openat2.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

int provision_unshare(int flags) { return unshare(flags); }
int provision_setns(int fd, int flags) { return setns(fd, flags); }
int provision_loopback_up(void) {
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return -1;
    struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP};
    int result = ioctl(fd, SIOCSIFFLAGS, &request);
    int error = errno;
    close(fd);
    errno = error;
    return result;
}
int provision_pidfd_open(pid_t pid) { return (int)syscall(SYS_pidfd_open, pid, 0); }
int provision_pidfd_send_signal(int pidfd, int signal) {
    return (int)syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0);
}
int provision_set_parent_death_signal(int signal) { return prctl(PR_SET_PDEATHSIG, signal); }
int provision_set_no_new_privileges(void) { return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); }
int provision_set_child_subreaper(void) { return prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); }
pid_t provision_fork(void) { return fork(); }
int provision_mount(const char *source, const char *target, const char *type, unsigned long flags, const void *data) {
    return mount(source, target, type, flags, data);
}
int provision_unmount(const char *target, int flags) { return umount2(target, flags); }
int provision_pivot_root(const char *new_root, const char *put_old) {
    return (int)syscall(SYS_pivot_root, new_root, put_old);
}
int provision_clone_mount(int directory, int recursive) {
    return open_tree(directory, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0));
}
int provision_attach_mount(int mount, int directory) {
    return move_mount(mount, "", directory, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH);
}
int provision_make_mounts_read_only(const char *path) {
    struct mount_attr attributes = {.attr_set = MOUNT_ATTR_RDONLY};
    return mount_setattr(AT_FDCWD, path, AT_RECURSIVE, &attributes, sizeof attributes);
}
int provision_make_mount_read_only(int mount) {
    struct mount_attr attributes = {.attr_set = MOUNT_ATTR_RDONLY};
    return mount_setattr(mount, "", AT_EMPTY_PATH, &attributes, sizeof attributes);
}
int provision_forbid_devices(const char *path) {
    struct mount_attr attributes = {.attr_set = MOUNT_ATTR_NODEV};
    return mount_setattr(AT_FDCWD, path, 0, &attributes, sizeof attributes);
}
int provision_memory_file(const char *name) { return memfd_create(name, MFD_CLOEXEC); }
int provision_limit_descriptors(uint64_t soft, uint64_t hard) {
    struct rlimit limit = {.rlim_cur = soft, .rlim_max = hard};
    return setrlimit(RLIMIT_NOFILE, &limit);
}
int provision_openat2(int directory, const char *path, uint64_t flags, uint64_t mode, uint64_t resolve) {
    struct open_how how = {.flags = flags, .mode = mode, .resolve = resolve};
    // "..": any rename or mount on the host meanwhile makes the kernel give up (openat2(2), EAGAIN), and asks for another try.
    for (int tries = 0;; tries++) {
        int file = (int)syscall(SYS_openat2, directory, path, &how, sizeof how);
        if (file >= 0 || errno != EAGAIN || tries == 10000) return file;
        if (tries >= 100) sched_yield();
    }
}
int provision_syncfs(int fd) { return syncfs(fd); }
int provision_pipe(int ends[2]) { return pipe2(ends, O_CLOEXEC); }
char **provision_environment(void) { return environ; }
int provision_renameat2(int old_directory, const char *old_path, int new_directory, const char *new_path,
                        unsigned flags) {
    return (int)syscall(SYS_renameat2, old_directory, old_path, new_directory, new_path, flags);
}
int provision_reflink(int destination, int source) { return ioctl(destination, FICLONE, source); }
int provision_set_window_size(int fd, unsigned short rows, unsigned short columns) {
    struct winsize size = {.ws_row = rows, .ws_col = columns};
    return ioctl(fd, TIOCSWINSZ, &size);
}
int provision_get_window_size(int fd, unsigned short *rows, unsigned short *columns) {
    struct winsize size;
    if (ioctl(fd, TIOCGWINSZ, &size) < 0) return -1;
    *rows = size.ws_row;
    *columns = size.ws_col;
    return 0;
}
int provision_open_terminal(int ends[2]) {
    ends[0] = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (ends[0] < 0) return -1;
    // By descriptor and not by name: /dev/pts may be another one in a mount namespace.
    if (grantpt(ends[0]) == 0 && unlockpt(ends[0]) == 0
        && (ends[1] = ioctl(ends[0], TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC)) >= 0)
        return 0;
    int error = errno;
    close(ends[0]);
    errno = error;
    return -1;
}
int provision_make_controlling_terminal(int fd) { return ioctl(fd, TIOCSCTTY, 0); }
uint64_t provision_makedev(unsigned major, unsigned minor) { return makedev(major, minor); }
unsigned provision_major(uint64_t device) { return major(device); }
unsigned provision_minor(uint64_t device) { return minor(device); }
const char *provision_strerror(int error) { return strerrordesc_np(error); }

const int PROVISION_CLONE_NEWNS = CLONE_NEWNS, PROVISION_CLONE_NEWPID = CLONE_NEWPID,
          PROVISION_CLONE_NEWIPC = CLONE_NEWIPC, PROVISION_CLONE_NEWUTS = CLONE_NEWUTS,
          PROVISION_CLONE_NEWNET = CLONE_NEWNET, PROVISION_CLONE_NEWUSER = CLONE_NEWUSER,
          PROVISION_CLONE_NEWCGROUP = CLONE_NEWCGROUP;
const unsigned long PROVISION_MS_RDONLY = MS_RDONLY, PROVISION_MS_NOSUID = MS_NOSUID, PROVISION_MS_NODEV = MS_NODEV,
                    PROVISION_MS_NOEXEC = MS_NOEXEC, PROVISION_MS_REMOUNT = MS_REMOUNT, PROVISION_MS_BIND = MS_BIND, PROVISION_MS_MOVE = MS_MOVE,
                    PROVISION_MS_REC = MS_REC, PROVISION_MS_PRIVATE = MS_PRIVATE, PROVISION_MS_SLAVE = MS_SLAVE,
                    PROVISION_MS_STRICTATIME = MS_STRICTATIME, PROVISION_MS_RELATIME = MS_RELATIME;
const int PROVISION_MNT_DETACH = MNT_DETACH, PROVISION_UMOUNT_NOFOLLOW = UMOUNT_NOFOLLOW;
const uint64_t PROVISION_RESOLVE_IN_ROOT = RESOLVE_IN_ROOT, PROVISION_RESOLVE_NO_MAGICLINKS = RESOLVE_NO_MAGICLINKS;
const unsigned PROVISION_RENAME_NOREPLACE = RENAME_NOREPLACE, PROVISION_RENAME_EXCHANGE = RENAME_EXCHANGE;
const int PROVISION_O_PATH = O_PATH, PROVISION_O_TMPFILE = O_TMPFILE, PROVISION_AT_EMPTY_PATH = AT_EMPTY_PATH;
