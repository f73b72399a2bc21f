import Glibc
import System
import SystemPackage
import Testing

extension EndToEnd {
    /// What layers hold, in what they differ, and whether a root still is what was installed.
    @Suite struct InspectionTests {
        private struct File: Decodable {
            var path: String
            var type: String
        }
        private struct Comparison: Decodable {
            struct Packages: Decodable {
                var added: [String]
                var removed: [String]
            }
            struct File: Decodable {
                var path: String
                var change: String
            }
            var packages: Packages
            var files: [File]
        }
        private struct Verified: Decodable {
            struct Layer: Decodable {
                var name: String
                var intact: Bool
            }
            struct File: Decodable {
                var path: String
                var differs: [String]
                var patch: String?
            }
            var layers: [Layer]
            var files: [File]
            var packages: Int
            var intact: Bool
        }

        @Test("an application's own paths are what find sees in its tree, and what its difference from the base adds")
        func filesAndDifference() throws {
            let (program, app) = try World.vsftpd.get()
            let files = try program.json([File].self, ["files", "vsftpd"])
            let tree = try #require(app.path)
            let found = try runChecked(["find", tree, "-mindepth", "1", "-printf", "/%P\\n"]).text.split(separator: "\n")
            #expect(files.map(\.path).sorted() == found.map(String.init).sorted())
            #expect(files.contains { $0.path == "/usr/sbin/vsftpd" && $0.type == "file" })

            let there = try program.json(Comparison.self, ["diff", "base", "vsftpd"])
            #expect(there.packages.added.contains { $0.hasPrefix("vsftpd-3") } && there.packages.removed.isEmpty)
            #expect(there.files.contains { $0.path == "/usr/sbin/vsftpd" && $0.change == "added" })
            #expect(Set(there.files.map(\.path)).isSubset(of: files.map(\.path)))
            let back = try program.json(Comparison.self, ["diff", "vsftpd", "base"])
            #expect(back.packages.removed == there.packages.added && back.files.count == there.files.count)
            let same = try program.json(Comparison.self, ["diff", "vsftpd", "vsftpd"])
            #expect(same.files.isEmpty && same.packages.added.isEmpty)
        }

        @Test("a new layer passes verification: what differs from the packages is named with the patch that did it")
        func fresh() throws {
            let (program, app) = try World.vsftpd.get()
            let answer = try program.json(Verified.self, ["verify", "vsftpd"])
            #expect(answer.layers.map(\.name) == ["vsftpd", "base"] && answer.intact)
            #expect(answer.files.first { $0.path == "/etc/securetty" }?.patch == "securetty")
            let base = try World.core.get().answer
            // The imported key is a package of the database too.
            #expect(answer.packages > base.packages.count + app.packages.count)
        }

        @Test("a layer changed on disk is reported, and so is every file of it that isn't the package's any more")
        func tampered() throws {
            let (program, _) = try World.core.get()
            let copy = Program(in: World.directory.appending("tampered"))
            try Files.makeDirectory(copy.state.appending("layers"), mode: 0o700)
            defer { #expect(throws: Never.self) { try Files.remove(copy.state.removingLastComponent()) } }
            try runChecked([
                "cp", "-a", "--reflink=auto", program.state.appending("layers/base").string,
                copy.state.appending("layers/base").string,
            ])
            let tree = copy.state.appending("layers/base/tree").string
            // Capabilities have no place in the digests of packages' files: rpm keeps them apart.
            let script = "cd \(tree); setcap cap_net_raw+ep usr/bin/cat; chmod 0700 usr/bin/tail; rm usr/bin/head"
            try runChecked(["sh", "-ec", script])
            let output = try copy.run("verify", "base", "--json")
            #expect(output.status == .exited(1))
            let answer = try copy.json(Verified.self, ["verify", "base"])
            #expect(answer.layers.map(\.intact) == [false] && !answer.intact)
            func differs(_ path: String) -> [String]? { answer.files.first { $0.path == path }?.differs }
            #expect(differs("/usr/bin/cat")?.contains("capabilities") == true)
            #expect(differs("/usr/bin/head") == ["missing"] && differs("/usr/bin/tail") == ["mode"])
            // A changed layer's patches explain nothing any more.
            #expect(answer.files.allSatisfy { $0.patch == nil })
            let shown = try copy.run("verify", "base")
            #expect(shown.status == .exited(1) && shown.text.contains("layer \"base\" was changed on disk"))
        }

        @Test("a root without an rpm database, and one whose database can't be read")
        func withoutDatabase() throws {
            let (program, _) = try World.core.get()
            let root = World.directory.appending("no-database")
            try Files.makeDirectory(root.appending("etc"))
            defer { #expect(throws: Never.self) { try Files.remove(root) } }
            let empty = try program.run("verify", root.string)
            #expect(empty.status == .exited(0) && empty.text.contains("no rpm database"))
            try Files.makeDirectory(root.appending("var/lib/rpm"))
            try Files.write("this is no database", to: root.appending("var/lib/rpm/rpmdb.sqlite"))
            let broken = try program.failure(["verify", root.string])
            #expect(broken.status == 1 && broken.error.message.contains("/var/lib/rpm"))
        }
    }
}
