internal import CLinux
public import Diagnostics
internal import Glibc

/// One extended attribute: `security.capability` and its bytes, say.
public struct ExtendedAttribute: Sendable, Hashable {
    public var name: String
    public var value: [UInt8]

    public init(name: String, value: [UInt8]) {
        self.name = name
        self.value = value
    }
}

/// Extended attributes of what lies at a path, links not followed. Paths are bytes: a tree may hold names that are not UTF-8.
public enum ExtendedAttributes {
    /// Attribute names, sorted; empty where the file system has none.
    public static func names(of path: UnsafePointer<CChar>) throws(ProvisionError) -> [String] {
        // Most files have none: ask for the length first, which allocates nothing.
        let length = llistxattr(path, nil, 0)
        if length == 0 || (length < 0 && errno == EOPNOTSUPP) { return [] }
        try check(length, "list the attributes of", String(cString: path))
        var buffer = [CChar](repeating: 0, count: length)
        let count = try check(llistxattr(path, &buffer, length), "list the attributes of", String(cString: path))
        return buffer[..<count].split(separator: 0)
            .map { name in String(decoding: name.map { UInt8(bitPattern: $0) }, as: UTF8.self) }
            .sorted()
    }

    public static func value(of name: String, at path: UnsafePointer<CChar>) throws(ProvisionError) -> [UInt8] {
        // 64 KiB is the kernel's limit (XATTR_SIZE_MAX).
        var buffer = [UInt8](repeating: 0, count: 65536)
        let count = try check(
            lgetxattr(path, name, &buffer, buffer.count), "read the attribute \(name) of", String(cString: path))
        return Array(buffer[..<count])
    }

    public static func set(_ attribute: ExtendedAttribute, at path: UnsafePointer<CChar>) throws(ProvisionError) {
        try check(
            lsetxattr(path, attribute.name, attribute.value, attribute.value.count, 0),
            "set the attribute \(attribute.name) of", String(cString: path))
    }

    public static func remove(_ name: String, at path: UnsafePointer<CChar>) throws(ProvisionError) {
        try check(lremovexattr(path, name), "remove the attribute \(name) of", String(cString: path))
    }
}
