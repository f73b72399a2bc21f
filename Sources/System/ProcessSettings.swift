internal import CLinux
public import Diagnostics
internal import Glibc

/// Sets how many descriptors this process and its children may have open.
public func limitOpenFiles(soft: UInt64, hard: UInt64) throws(ProvisionError) {
    try check(provision_limit_descriptors(soft, hard), "limit open files to", soft)
}

/// The number of a device node, for mknod(2).
public func deviceNumber(major: UInt32, minor: UInt32) -> UInt { UInt(provision_makedev(major, minor)) }
