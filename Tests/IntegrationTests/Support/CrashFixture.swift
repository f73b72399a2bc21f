import Foundation
import Glibc
import System
import SystemPackage
import Testing

/// A small signed distribution and what a build of it comes to, for runs that end before their time.
final class CrashFixture {
    let market: FixtureMarket
    var factory: PackageFactory { market.factory }
    var words: [String] { ["base", "shop", "goods", "tool", "-c", market.configuration.string] }
    let seed: UInt64
    private var random: UInt64

    /// - Parameter size: of the largest package's payload, in kilobytes that don't compress.
    init(payload size: Int = 2000) throws {
        market = try FixtureMarket()
        let given = getenv("PROVISION_TEST_SEED").flatMap { UInt64(String(cString: $0)) }
        seed = given ?? UInt64.random(in: 0 ... .max)
        random = seed
        print("PROVISION_TEST_SEED=\(seed)")
        let factory = market.factory
        let fill =
            "head -c \(size)k /dev/urandom >$RPM_BUILD_ROOT/payload; mkdir $RPM_BUILD_ROOT/d; for i in $(seq 300); do echo $i >$RPM_BUILD_ROOT/d/$i; done"
        for package in [
            try factory.shell(),
            try factory.package(
                "goods", install: fill, files: ["/payload", "/d"], sections: "%post\necho post >/by-post\n",
                header: "Requires(post): /bin/sh"),
            try factory.package(
                "tool", install: "echo tool >$RPM_BUILD_ROOT/tool", files: ["/tool"],
                sections: "%pre\nsleep 0.05\n%posttrans\necho all >/by-posttrans\n",
                header: "Requires(pre): /bin/sh\nRequires: goods"),
        ] {
            try factory.sign(package, by: market.trusted)
            try market.add(package)
        }
        try market.publish()
    }

    /// SplitMix64: the same seed, the same moments.
    func next(below bound: Int) -> Int {
        random &+= 0x9e37_79b9_7f4a_7c15
        var value = random
        value = (value ^ (value >> 30)) &* 0xbf58_476d_1ce4_e5b9
        value = (value ^ (value >> 27)) &* 0x94d0_49bb_1331_11eb
        return Int((value ^ (value >> 31)) % UInt64(bound))
    }

    func program(_ name: String) throws -> Program { Program(in: try factory.makeDirectory(name)) }

    /// The build to its end; with the digest of the layer.
    func build(_ program: Program) throws -> String {
        try #require(try program.json(BuildDocument.self, words).digest)
    }

    /// Everything below a program's state and cache by path, without what is in layers' trees.
    static func paths(_ program: Program) throws -> Set<String> {
        var paths: Set<String> = []
        for directory in [program.state, program.cache] where Files.exists(directory) {
            let found = try runChecked(["find", directory.string, "-path", "*/tree/*", "-prune", "-o", "-printf", "%P\\n"]).text
            // Lock files stay for the next who wants them.
            paths.formUnion(found.split(separator: "\n").map(String.init).filter { !$0.hasSuffix(".lock") })
        }
        return paths
    }

    /// A file system of its own at `directory`, as long as `body` runs.
    static func withMounted<Result>(_ arguments: [String], at directory: FilePath, _ body: () throws -> Result) throws -> Result
    {
        if !Files.exists(directory) { try Files.makeDirectory(directory) }
        try runChecked(["mount"] + arguments + [directory.string])
        let result: Result
        do {
            result = try body()
        } catch {
            _ = try? runProgram(["umount", "-l", directory.string])
            throw error
        }
        try runChecked(["umount", directory.string])
        return result
    }
}
