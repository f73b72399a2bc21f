import Glibc
import Layers
import Model
import System
import SystemPackage
import Testing

/// Layers that hold some of the same packages hold their files once.
struct FileSharingTests {
    private let text = String(repeating: "the same in both\n", count: 100)

    private func package(_ name: String) throws -> PlannedPackage {
        PlannedPackage(
            nevra: try #require(NEVRA("\(name)-1-1.noarch")), repository: "demo", location: "\(name).rpm",
            checksum: sha256(of: name), size: 1, installedSize: 1, reason: .requested(spec: name))
    }

    /// A layer of packages with these files, all of one time.
    private func layer(
        _ name: String, packages: [String], _ fixture: borrowing Fixture, replacing: Bool = false,
        fill: (FilePath) throws -> Void
    ) throws -> Layer {
        let packages = try packages.map(package)
        let staging = try fixture.store.stage("provision base \(name)")
        try fill(staging.tree)
        for entry in try TreeScanner.scan(staging.tree).entries where entry.kind == .file { try date(staging.tree, entry.path) }
        return try fixture.store.commit(staging, replacing: replacing, rules: .none) { measure in
            var manifest = fixture.manifest(name, measure)
            manifest.packages = packages
            return manifest
        }
    }

    private func date(_ tree: FilePath, _ path: TreePath) throws {
        let times = [timespec(tv_sec: 1_600_000_000, tv_nsec: 0), timespec(tv_sec: 1_600_000_000, tv_nsec: 0)]
        #expect(utimensat(AT_FDCWD, tree.string + path.description, times, AT_SYMLINK_NOFOLLOW) == 0)
    }

    private func inode(_ layer: Layer, _ path: String) -> UInt {
        var status = stat()
        return lstat(layer.tree.appending(path).string, &status) == 0 ? UInt(status.st_ino) : 0
    }

    @Test("two layers of one package have its files once, say how much of the disk that is, and are independent")
    func shared() throws {
        let fixture = try Fixture()
        func fill(_ tree: FilePath, own: String) throws {
            try Files.makeDirectory(tree.appending("usr/bin"))
            try fixture.write(text, tree, "usr/bin/common")
            try fixture.write(text + own, tree, "usr/bin/own")
        }
        let one = try layer("one", packages: ["a", "b"], fixture) { try fill($0, own: "1") }
        let before = try fixture.store.diskUse(of: one)
        #expect(before.shared == 0 && before.derived == 0)
        let two = try layer("two", packages: ["a", "c"], fixture) { try fill($0, own: "2") }
        #expect(inode(one, "usr/bin/common") == inode(two, "usr/bin/common"))
        #expect(inode(one, "usr/bin/own") != inode(two, "usr/bin/own"))
        let (useOfOne, useOfTwo) = (try fixture.store.diskUse(of: one), try fixture.store.diskUse(of: two))
        #expect(useOfOne.shared == useOfTwo.shared && useOfOne.shared >= UInt64(text.utf8.count))
        #expect(useOfOne.own + useOfOne.shared == before.own)
        // Another program counts the same.
        let du = try runChecked(["du", "-s", "-B1", one.directory.string, two.directory.string]).text
            .split(separator: "\n").compactMap { UInt64($0.prefix { $0 != "\t" }) }
        #expect(du == [useOfOne.own + useOfOne.shared, useOfTwo.own])
        // Directories keep their times, trees their digests.
        #expect(try TreeDigest.measure(two.tree).digest == two.digest)
        try fixture.store.remove("one")
        #expect(try TreeDigest.measure(two.tree).digest == two.digest)
        #expect(try fixture.store.diskUse(of: two).shared == 0)
    }

    @Test(
        "what differs in anything isn't shared",
        arguments: ["content", "mode", "time", "attribute", "no common package", "a link on the way", "small"])
    func different(_ what: String) throws {
        let fixture = try Fixture()
        func fill(_ tree: FilePath, content: String) throws {
            try Files.makeDirectory(tree.appending("usr/lib"))
            try fixture.write(what == "small" ? "small" : content, tree, "usr/lib/file")
        }
        let one = try layer("one", packages: ["a"], fixture) { tree in
            if what == "a link on the way" {
                let elsewhere = fixture.path.appending("elsewhere")
                try Files.makeDirectory(elsewhere)
                try fixture.write(text, elsewhere, "file")
                try date(elsewhere, TreePath("file"))
                try Files.makeDirectory(tree.appending("usr"))
                #expect(symlink(elsewhere.string, tree.appending("usr/lib").string) == 0)
            } else {
                try fill(tree, content: text)
            }
        }
        let two = try layer("two", packages: [what == "no common package" ? "b" : "a"], fixture) { tree in
            try fill(tree, content: what == "content" ? text.uppercased() : text)
            let file = tree.appending("usr/lib/file").string
            if what == "mode" { chmod(file, 0o600) }
            if what == "attribute" { try ExtendedAttributes.set(.init(name: "user.test", value: [1]), at: file) }
        }
        if what == "time" {
            // A third one, whose file is of another time, while those before are alike.
            let staging = try fixture.store.stage("provision base three")
            try fill(staging.tree, content: text)
            let packages = [try package("a")]
            let template = fixture.manifest("three", .init(digest: sha256(of: ""), size: 0, fileCount: 0))
            let three = try fixture.store.commit(staging, rules: .none) { _ in
                var manifest = template
                manifest.packages = packages
                return manifest
            }
            #expect(inode(one, "usr/lib/file") == inode(two, "usr/lib/file"))
            #expect(inode(three, "usr/lib/file") != inode(two, "usr/lib/file"))
        } else {
            var status = stat()
            #expect(lstat(two.tree.appending("usr/lib/file").string, &status) == 0 && status.st_nlink == 1)
        }
    }

    @Test("two files of a layer don't become one because another layer has them as hard links")
    func links() throws {
        let fixture = try Fixture()
        _ = try layer("one", packages: ["a"], fixture) { tree in
            try fixture.write(text, tree, "file")
            link(tree.appending("file").string, tree.appending("other").string)
        }
        let two = try layer("two", packages: ["a"], fixture) { tree in
            try fixture.write(text, tree, "file")
            try fixture.write(text, tree, "other")
        }
        #expect(inode(two, "file") != inode(two, "other"))
        #expect(try TreeDigest.measure(two.tree).digest == two.digest)
    }
}
