internal import CLinux
public import Diagnostics
internal import Glibc

/// Sets how many descriptors this process and its children may have open.
public func limitOpenFiles(soft: UInt64, hard: UInt64) throws(ProvisionError) {
    try check(provision_limit_descriptors(soft, hard), "limit open files to", soft)
}

/// Goes on as a second process with the same memory and files: its pid, 0 in the second process, -1 with errno set.
///
/// Only for a process that has one thread.
public func forkProcess() -> Int32 { provision_fork() }

/// Gives up root for good, for this user and the group of the same number; what is open stays open.
///
/// The process still dies with its parent: the kernel forgets that wish when the user changes, so it is made anew.
public func dropPrivileges(to user: UInt32) throws(ProvisionError) {
    try check(setgroups(0, nil), "give up", "the groups of root")
    try check(setgid(user), "become group", user)
    try check(setuid(user), "become user", user)
    try check(provision_set_no_new_privileges(), "give up", "new privileges")
    try check(provision_set_parent_death_signal(SIGKILL), "ask for", "a signal at the parent's death")
}

/// The number of a device node, for mknod(2).
public func deviceNumber(major: UInt32, minor: UInt32) -> UInt { UInt(provision_makedev(major, minor)) }

/// Runs `body` so that what it makes on this thread belongs to `owner`, user and group, with all that this thread may do.
///
/// - Throws: `.failed` where the kernel refuses, and what `body` throws.
public func withFilesOwned(by owner: UInt32, _ body: () throws(ProvisionError) -> Void) throws(ProvisionError) {
    guard owner != geteuid() else { return try body() }
    let before = try check(provision_own_files_as(owner), "make files as", "user \(owner)")
    defer { provision_own_files_again(before) }
    try body()
}
