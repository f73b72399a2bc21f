public import Diagnostics

/// What layers may be called: a name is a directory's, a machine's and often a host's.
public enum LayerName {
    /// Whether `check` takes it.
    public static func isValid(_ name: String) -> Bool {
        let isPlain = name.utf8.allSatisfy { byte in
            switch byte {
            case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, 0x2d, 0x2e, 0x5f: true
            default: false
            }
        }
        return isPlain && (1...64).contains(name.utf8.count) && name.first.map { !".-_".contains($0) } ?? false
    }

    /// - Throws: `.usage` where `name` isn't 1 to 64 letters, digits, dots, underscores and hyphens, the first a letter or digit.
    public static func check(_ name: String) throws(ProvisionError) {
        guard isValid(name) else {
            throw ProvisionError(
                .usage, "\"\(name)\" can't be a layer's name",
                hint: "use letters, digits, dots, underscores and hyphens, at most 64, the first a letter or a digit")
        }
    }
}
