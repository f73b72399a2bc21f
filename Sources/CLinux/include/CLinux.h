// System calls and constants that Swift's Glibc module doesn't map, as thin functions that return -1 and set errno.
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/xattr.h>

int provision_unshare(int flags);
int provision_setns(int fd, int flags);
/// Brings the loopback interface of the calling thread's network namespace up; the kernel gives it its addresses then.
int provision_loopback_up(void);
int provision_pidfd_open(pid_t pid);
int provision_pidfd_send_signal(int pidfd, int signal);
int provision_set_parent_death_signal(int signal);
int provision_set_no_new_privileges(void);
int provision_set_child_subreaper(void);
/// fork(2), which Swift hides: for a process with one thread.
pid_t provision_fork(void);
int provision_mount(const char *source, const char *target, const char *type, unsigned long flags, const void *data);
int provision_unmount(const char *target, int flags);
int provision_pivot_root(const char *new_root, const char *put_old);
/// open_tree(2) with OPEN_TREE_CLONE: a copy of the mount at an open directory, attached nowhere.
int provision_clone_mount(int directory, int recursive);
/// move_mount(2): attaches what provision_clone_mount returned at an open directory.
int provision_attach_mount(int mount, int directory);
/// mount_setattr(2): the mount at `path` and all below it become read-only.
int provision_make_mounts_read_only(const char *path);
/// mount_setattr(2): a copied mount becomes read-only; its source stays as it is.
int provision_make_mount_read_only(int mount);
/// A pair of sockets for whole messages, closed at exec.
int provision_message_sockets(int ends[2]);
/// Sends one message, with an open file where `file` isn't negative. Without `wait`: EAGAIN where there is no room.
ssize_t provision_send_message(int socket, const void *bytes, size_t size, int file, int wait);
/// Receives one message and the file that came with it (-1 where none did); 0 when the other end is closed.
ssize_t provision_receive_message(int socket, void *bytes, size_t size, int *file);
/// mount_setattr(2): device files on the mount at `path` are files like others for whoever reaches them by it.
int provision_forbid_devices(const char *path);
/// For this process, all of its threads and all that it starts, for ever: no new privileges, and no calls that installing needs
/// not (refused_calls.h). `listener` becomes a descriptor that is readable when one of those with words was tried, or -1.
int provision_refuse_calls(int *listener);
/// Answers one attempt with EPERM and says what it was.
int provision_answer_refused_call(int listener, const char **what);
/// Bits by capabilities(7): what the calling thread keeps, and what programs that it starts can have.
int provision_keep_capabilities(uint64_t own, uint64_t programs);
int provision_forbid_core_dumps(void);
/// A file in memory, closed at exec.
int provision_memory_file(const char *name);
/// Soft and hard limit of open descriptors.
int provision_limit_descriptors(uint64_t soft, uint64_t hard);
/// openat2 with a resolve mask (RESOLVE_* below), tried again while renames or mounts elsewhere disturb "..".
int provision_openat2(int directory, const char *path, uint64_t flags, uint64_t mode, uint64_t resolve);
int provision_syncfs(int fd);
/// A stream (FILE *) to read from whose bytes come from a function: it returns how many it wrote, 0 at the end, -1 with errno set.
void *provision_open_reader(ssize_t (*read)(void *context, char *buffer, size_t size), void *context);
/// A pipe whose ends close at exec.
int provision_pipe(int ends[2]);
/// The process's environment, NULL-terminated.
char **provision_environment(void);
int provision_renameat2(int old_directory, const char *old_path, int new_directory, const char *new_path, unsigned flags);
/// FICLONE: the destination shares the source's blocks, or -1 with errno.
int provision_reflink(int destination, int source);
/// Shows a file, read-only, as a block device that goes with its last user: an open descriptor of it, or -1. Its path goes to `name`.
int provision_attach_loop(int file, char *name, size_t size);
/// FALLOC_FL_PUNCH_HOLE: the range reads as zeros and takes no room; the file's length stays.
int provision_punch_hole(int fd, int64_t offset, int64_t length);
int provision_set_window_size(int fd, unsigned short rows, unsigned short columns);
int provision_get_window_size(int fd, unsigned short *rows, unsigned short *columns);
/// A pseudo-terminal: the controlling end, then the program's; both close at exec.
int provision_open_terminal(int ends[2]);
int provision_make_controlling_terminal(int fd);
/// The device number of the character device a whiteout is made of.
uint64_t provision_makedev(unsigned major, unsigned minor);
unsigned provision_major(uint64_t device);
unsigned provision_minor(uint64_t device);
/// The text of an errno value, without a locale.
const char *provision_strerror(int error);

extern const int PROVISION_CLONE_NEWNS, PROVISION_CLONE_NEWPID, PROVISION_CLONE_NEWIPC, PROVISION_CLONE_NEWUTS,
    PROVISION_CLONE_NEWNET, PROVISION_CLONE_NEWUSER, PROVISION_CLONE_NEWCGROUP;
extern const unsigned long PROVISION_MS_RDONLY, PROVISION_MS_NOSUID, PROVISION_MS_NODEV, PROVISION_MS_NOEXEC,
    PROVISION_MS_REMOUNT, PROVISION_MS_BIND, PROVISION_MS_MOVE, PROVISION_MS_REC, PROVISION_MS_PRIVATE, PROVISION_MS_SLAVE,
    PROVISION_MS_STRICTATIME, PROVISION_MS_RELATIME;
extern const int PROVISION_MNT_DETACH, PROVISION_UMOUNT_NOFOLLOW;
extern const uint64_t PROVISION_RESOLVE_IN_ROOT, PROVISION_RESOLVE_NO_MAGICLINKS;
extern const unsigned PROVISION_RENAME_NOREPLACE, PROVISION_RENAME_EXCHANGE;
extern const int PROVISION_O_PATH, PROVISION_O_TMPFILE, PROVISION_AT_EMPTY_PATH;

/// A user namespace, held by a descriptor alone, whose numbers 0 to count-1 are outside, outside+1, … in ours.
int provision_make_user_namespace(uint32_t outside, uint32_t count);
/// mount_setattr(2): a mount from provision_clone_mount shows its tree's owners through that namespace's map.
int provision_map_mount(int mount, int user_namespace);
/// From here on this thread's new files and mounts belong to `owner`, who has all of our capabilities; returns what
/// provision_own_files_again takes to end that, -1 where it can't be.
int provision_own_files_as(uint32_t owner);
int provision_own_files_again(int before);
/// Moves this process into a user and a mount namespace of its own, in which it is root and nobody else exists.
int provision_enter_own_user_namespace(void);
/// A classic BPF program: `length` instructions of eight bytes.
struct provision_filter {
    unsigned short length;
    const uint64_t *instructions;
};
/// What a program takes on of a process in a container before it starts there.
struct provision_joining {
    /// A pidfd, and which of that process's namespaces to enter: CLONE_NEW* but for the pid namespace.
    int process, namespaces;
    /// Descriptor of its pid namespace, or -1 for ours.
    int pid_namespace;
    /// Descriptor of its root directory.
    int root;
    /// Capabilities that stay in the bounding set, one bit each.
    uint64_t bounding;
    int no_new_privileges;
    /// Seccomp filters, the one that was installed first first.
    const struct provision_filter *filters;
    int filter_count;
    /// In the namespaces' own numbers.
    uid_t user;
    gid_t group;
    const gid_t *groups;
    int group_count;
};
/// The two halves of joining, for provision_spawn: async-signal-safe.
int provision_enter_namespaces(const struct provision_joining *joining);
int provision_take_restraints(const struct provision_joining *joining);
/// Stops a process to look into it (ptrace(2)); returns the signal to hand on with provision_untrace, 0 for none.
int provision_trace(pid_t pid);
int provision_untrace(pid_t pid, int signal);
/// PTRACE_SECCOMP_GET_FILTER: the instructions of a stopped process's filter, the newest has index 0; NULL asks for their number.
int provision_read_filter(pid_t pid, unsigned index, uint64_t *instructions);
/// As provision_open_terminal, from the devpts that is mounted in an open root directory.
int provision_open_terminal_in(int root, int ends[2]);

/// How provision_spawn starts a program. Zero-initialised means: inherit everything, no namespaces.
struct provision_spawn_options {
    const char *path;
    char *const *arguments;
    char *const *environment;
    /// Working directory, or NULL.
    const char *directory;
    /// sources[i] becomes descriptor targets[i]; every other descriptor above 2 is closed by exec.
    const int *sources, *targets;
    int descriptor_count;
    /// CLONE_NEW* flags: the program starts as the first process of these namespaces.
    int namespaces;
    /// Signal that the program gets when the calling thread dies; 0 for none.
    int parent_death_signal;
    /// Starts a session; with terminal >= 0 (a descriptor of the caller's) that is its controlling terminal.
    int new_session, terminal;
    /// Starts a process group of its own.
    int new_group;
    /// Descriptors of cgroup.procs files: the program starts as a member of these cgroups.
    const int *cgroups;
    int cgroup_count;
    /// Descriptor of the network namespace to start in, or -1.
    int network_namespace;
    /// The container that it starts in, or NULL.
    const struct provision_joining *joining;
    /// With new mount and pid namespaces: mounts the /proc that belongs to them.
    int mount_proc;
};
/// Starts a program and returns its pid once exec has succeeded, or -1 with errno set by the step that failed.
pid_t provision_spawn(const struct provision_spawn_options *options);
