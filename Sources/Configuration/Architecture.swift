internal import Diagnostics

/// An architecture as yum names it in $basearch, with the packages that a system of it can hold.
public struct Architecture: Sendable, Hashable, Codable {
    /// yum's name: x86_64, aarch64, ppc64le, s390x, i386.
    public let basearch: String
    /// rpm's architectures, best first, `noarch` last.
    public let packageArchitectures: [String]

    /// rpm's name for the machine itself: i686 for i386.
    public var native: String { packageArchitectures[0] }

    /// All that are known; rpm's compatibility table (rpmrc) is where the lists come from.
    public static let all: [Architecture] = [
        Architecture("x86_64", ["x86_64", "i686", "i586", "i486", "i386"]),
        Architecture("aarch64", ["aarch64"]),
        Architecture("ppc64le", ["ppc64le"]),
        Architecture("s390x", ["s390x", "s390"]),
        Architecture("i386", ["i686", "i586", "i486", "i386"]),
        Architecture("riscv64", ["riscv64"]),
    ]

    /// From yum's name or from that of any package it can hold, its own first: i686 is i386, not x86_64. nil where unknown.
    public static func named(_ name: String) -> Architecture? {
        all.first { $0.basearch == name } ?? all.first { $0.native == name }
            ?? all.first { $0.basearch != "x86_64" && name != "noarch" && $0.packageArchitectures.contains(name) }
    }

    /// The one that a misspelt name, or another system's name, may mean.
    static func nearest(to name: String) -> String? {
        let others = ["amd64": "x86_64", "x64": "x86_64", "x86": "i386", "arm64": "aarch64", "ppc64el": "ppc64le"]
        return others[name.lowercased()]
            ?? Diagnostics.nearest(to: name, in: all.flatMap { [$0.basearch] + $0.packageArchitectures.dropLast() })
            .flatMap(named)?.basearch
    }

    /// The architecture that this program was built for.
    public static let host: Architecture = {
        #if arch(x86_64)
            all[0]
        #elseif arch(arm64)
            all[1]
        #elseif arch(powerpc64le)
            all[2]
        #elseif arch(s390x)
            all[3]
        #elseif arch(i386)
            all[4]
        #elseif arch(riscv64)
            all[5]
        #endif
    }()

    private init(_ basearch: String, _ packageArchitectures: [String]) {
        self.basearch = basearch
        self.packageArchitectures = packageArchitectures + ["noarch"]
    }
}
