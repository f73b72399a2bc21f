internal import Diagnostics
internal import System
internal import SystemPackage

/// Ranges of users that nobody on this host has.
enum FreeUsers {
    /// A multiple of 65536 in the range that systemd keeps for containers (its documentation's UIDS-GIDS.md): 524288 to 1878982656.
    /// The same name gets the same one where nobody uses it.
    ///
    /// - Throws: `.failed` where all are in use.
    static func base(for name: String) throws(ProvisionError) -> UInt32 {
        var used: Set<UInt32> = []
        for process in try ProcessStatus.all() {
            // Gone since it was listed.
            guard let bytes = try Files.readIfPresent(FilePath("/proc/\(process.pid)/uid_map")) else { continue }
            let numbers = String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isWhitespace).compactMap { UInt32($0) }
            if numbers.count >= 2 { used.insert(numbers[1] / 65536) }
        }
        var hash: UInt32 = 2_166_136_261
        for byte in name.utf8 { hash = (hash ^ UInt32(byte)) &* 16_777_619 }
        let (first, count) = (UInt32(8), UInt32(28662))
        for step in 0..<count {
            let candidate = first + (hash % count + step) % count
            if !used.contains(candidate) { return candidate * 65536 }
        }
        throw ProvisionError(.failed, "no range of users is free on this host")
    }
}
