import FoundationEssentials
import System
import SystemPackage
import Testing

extension EndToEnd {
    /// An application's layer on a base, and what can be done with both.
    @Suite struct ApplicationLayerTests {
        @Test("the delta holds nothing that the base has the same")
        func delta() throws {
            let (_, app) = try World.vsftpd.get()
            let base = try TreeListing(of: FilePath(#require(try World.core.get().answer.path))).entries
            let delta = try TreeListing(of: FilePath(#require(app.path))).entries
            let changed = delta.filter { base[$0.key] != nil && !$0.value.hasPrefix("d ") }
            #expect(changed.filter { base[$0.key] == $0.value }.isEmpty)
            // A package that brings a user of its own, and no library.
            let files = ["etc/passwd", "etc/passwd-", "etc/group", "etc/group-", "etc/shadow", "etc/shadow-", "etc/gshadow"]
            let meant = Set(files + ["etc/gshadow-", "var/lib/rpm/rpmdb.sqlite", "var/lib/dnf/history.sqlite"])
            #expect(Set(changed.keys).subtracting(meant).isEmpty)
            #expect(changed["etc/passwd"] != nil && delta["usr/sbin/vsftpd"] != nil)
            let without = delta.filter { $0.key != "var/lib/rpm/rpmdb.sqlite" }.keys.sorted()
            #expect(without.count < 150, "\(without)")
        }

        @Test("the delta is as large as its own packages, and the rpm database costs next to nothing")
        func size() throws {
            let (program, app) = try World.vsftpd.get()
            // What rpm says that the package's files hold, beside what scriptlets write and rpm's own database.
            #expect(app.packages.map(\.name) == ["vsftpd"])
            let packages = try #require(
                UInt64(
                    try program.withMounted("vsftpd") {
                        try runChecked([
                            "rpm", "--root", $0.string, "--dbpath", "/var/lib/rpm", "-q", "--qf", "%{LONGSIZE}", "vsftpd",
                        ]).text
                    }))
            let bytes = try #require(app.layerBytes)
            #expect(bytes <= packages + 64 << 10, "\(bytes) bytes for \(packages) of packages")
            let stored = try runChecked(["du", "-sb", "--apparent-size", "\(program.state)/layers/vsftpd/deltas"]).text
            #expect(try #require(Int(stored.prefix { $0.isNumber })) < 32 << 10)
            let file = try FileStatusWords(of: "\(program.state)/layers/vsftpd/tree/var/lib/rpm/rpmdb.sqlite")
            #expect(file.size == "0")
            let whole = try program.withMounted("vsftpd") { try FileStatusWords(of: "\($0)/var/lib/rpm/rpmdb.sqlite") }
            #expect(whole.metadata == file.metadata)
            #expect(try #require(Int(whole.size)) > 1 << 20)
            #expect(try program.succeed(["files", "vsftpd"]).contains("rpmdb.sqlite (kept as a difference of "))
            #expect(try program.succeed(["verify", "vsftpd"]).contains("all files are as they should be"))
        }

        /// What stat says of a file.
        private struct FileStatusWords {
            let size: String
            /// Mode, owner, group, time.
            let metadata: Substring

            init(of path: String) throws {
                let words = try runChecked(["stat", "-c", "%s %a %u %g %Y", path]).text
                size = String(words.prefix { $0 != " " })
                metadata = words.dropFirst(size.count)
            }
        }

        @Test("the merged view's database is complete, and verifies")
        func mergedDatabase() throws {
            let (program, app) = try World.vsftpd.get()
            let all = (try World.core.get().answer.packages + app.packages).map(\.label).sorted()
            #expect(app.packages.map(\.name) == ["vsftpd"])
            #expect(try program.withMounted("vsftpd", installedPackages) == all)
            #expect(try program.succeed(["run", "vsftpd", "--", "rpm", "-V", "vsftpd"]) == "")
        }

        @Test("the same requests again are answered by the layers that are there, and nothing is downloaded")
        func reuse() throws {
            let (program, app) = try World.vsftpd.get()
            World.server.forgetRequests()
            let again = try program.json(BuildDocument.self, ["app", "vsftpd", "--on", "base"])
            #expect(again.reused && again.digest == app.digest && again.downloadedBytes == 0)
            let renamed = try program.json(BuildDocument.self, ["base", "centos-rootfs"] + World.coreRequest)
            #expect(renamed.reused && renamed.name == "centos-rootfs")
            #expect(renamed.digest == (try World.core.get().answer.digest))
            #expect(World.server.bytesSent == 0)
            #expect(try program.succeed(["rm", "centos-rootfs"]).contains("removed layer"))
        }

        @Test("list, show and tree tell kind, parent and the size of the delta")
        func views() throws {
            let (program, app) = try World.vsftpd.get()
            let layer = try #require(try program.layers().first { $0.name == "vsftpd" })
            #expect(layer.parent == "base" && layer.digest == app.digest)
            #expect(layer.size == app.layerBytes && layer.size < 1 << 20)
            let size = try #require(
                try program.succeed(["tree"]).firstMatch(of: #/base +\S+ MiB\n\S+ vsftpd +\+(\S+ KiB)\n/#)?.output.1)
            #expect(try program.succeed(["list"]).contains(#/vsftpd +app +base +demo +1 +/#))
            #expect(try program.succeed(["list"]).contains(size))
            let said = try program.succeed(["app", "vsftpd", "--on", "base"])
            #expect(said.hasPrefix("app \"vsftpd\" on \"base\" is there already: 1 package, \(size)\n"))
            let shown = try program.succeed(["show", "vsftpd"])
            #expect(shown.contains(#/on +base \(/#) && shown.contains("app vsftpd --on base") && shown.contains(size))
            #expect(shown.contains(#/vsftpd-\S+ +demo-os +\S+ KiB +requested/#))
            let failure = try program.failure(["show", "vsftp"])
            #expect(failure.status == 1 && failure.error.code == "not-found" && failure.error.hint?.contains("vsftpd") == true)
        }

        @Test("a layer with children can't be removed, and the refusal names them")
        func parentStays() throws {
            let (program, _) = try World.vsftpd.get()
            let failure = try program.failure(["rm", "base"])
            #expect(failure.status == 1 && failure.error.code == "conflict")
            #expect(failure.error.causes.contains { $0.contains("vsftpd") })
            #expect(try program.layers().contains { $0.name == "base" })
        }

        @Test("a mounted view is read-only; with --rw, what is written doesn't reach the layer")
        func mounts() throws {
            let (program, _) = try World.vsftpd.get()
            let before = HostMounts.now()
            let directory = program.state.removingLastComponent().appending("mnt")
            try Files.makeDirectory(directory)
            let file = directory.appending("etc/written")
            try program.succeed(["mount", "vsftpd", directory.string])
            #expect(throws: (any Error).self) { try Files.write("x", to: file) }
            #expect(Files.exists(directory.appending("usr/sbin/vsftpd")) && Files.exists(directory.appending("usr/bin/bash")))
            try program.succeed(["umount", directory.string])
            try program.succeed(["mount", "vsftpd", directory.string, "--rw"])
            try Files.write("x", to: file)
            #expect(Files.exists(file))
            #expect(try program.failure(["rm", "vsftpd"]).error.code == "conflict")
            try program.succeed(["umount", directory.string])
            try program.succeed(["mount", "vsftpd", directory.string])
            #expect(!Files.exists(file))
            try program.succeed(["umount", directory.string])
            #expect(try Files.names(in: directory) == [])
            #expect(HostMounts.now() == before)
        }
    }
}

/// What findmnt shows, for comparing before and after.
enum HostMounts {
    static func now() -> [String] {
        do {
            return try runChecked(["findmnt", "-rn", "-o", "TARGET,FSTYPE"]).text.split(separator: "\n").map(String.init)
                .sorted()
        } catch {
            return ["\(error)"]
        }
    }
}
