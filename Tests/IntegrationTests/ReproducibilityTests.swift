import Foundation
import System
import SystemPackage
import Testing

extension EndToEnd {
    /// The same lock is the same layer to the byte, wherever and whenever it is built.
    @Suite struct ReproducibilityTests {
        /// What a build left, as sha256sum has it.
        private struct Made: Equatable {
            var digests: [String] = []
            /// The rpm database of each layer's merged view.
            var databases: [String] = []
            /// By format, base and app.
            var images: [String: [String]] = [:]
        }

        private let directory: FilePath

        init() throws {
            directory = World.directory.appending("reproducible-\(UUID().uuidString)")
            try Files.makeDirectory(directory)
        }

        @Test(
            "another day, host name, directory, number of cores and user: digests, rpm databases and packed bytes are the same")
        func sameLock() throws {
            defer { #expect(throws: Never.self) { try Files.remove(directory) } }
            let site = directory.appending("site")
            try Files.makeDirectory(site)
            try World.makeLink(site.appending("os"), to: World.demo.appending("os/x86_64"))
            let server = try HTTPServer(serving: site)
            let from = ["--setopt", "demo-os.baseurl=\(server.url)/os/"]
            let first = try World.program("\(directory.lastComponent!)/first")
            let (lock, appLock) = (directory.appending("base.lock"), directory.appending("app.lock"))
            try first.succeed(["lock", "base", "--group", "core", "-o", lock.string] + from)
            let base = try first.json(BuildDocument.self, ["base", "base", "--locked", lock.string] + from)
            try first.succeed(["lock", "app", "vsftpd", "--on", "base", "-o", appLock.string] + from)
            let app = try first.json(
                BuildDocument.self, ["app", "vsftpd", "--on", "base", "--locked", appLock.string] + from)
            #expect(base.packages.count > 150 && app.packages.count == 1)

            // The repository is made anew: its packages are listed the other way round, at another time.
            try Files.remove(site.appending("os"))
            try makeRepository(at: site.appending("os"))
            let program = Program(
                in: directory.appending("second/some where/else"), cache: directory.appending("second cache"),
                configuration: World.configuration)
            try Files.makeDirectory(program.state)
            for (words, lock) in [(["base", "base"], lock), (["app", "vsftpd", "--on", "base"], appLock)] {
                let copy = directory.appending("second/\(lock.lastComponent!)")
                try Files.copyContents(lock, to: copy)
                try succeed(differently(program.arguments(words + ["--locked", copy.string, "--fresh", "-q"] + from)))
            }
            let (here, there) = (try made(first, { $0 }), try made(program, differently))
            #expect(here.digests == [base.digest, app.digest])
            #expect(here.digests == there.digests)
            #expect(here.databases == there.databases)
            for (format, images) in here.images { #expect(images == there.images[format], "\(format)") }
            #expect(try manifest(first, "base") == manifest(program, "base"))
            #expect(try manifest(first, "vsftpd") == manifest(program, "vsftpd"))
        }

        @Test("SOURCE_DATE_EPOCH dates all that a build makes: the database, the files and the layer, and is another layer's")
        func sourceDate() throws {
            defer { #expect(throws: Never.self) { try Files.remove(directory) } }
            let program = try World.program("\(directory.lastComponent!)/dated")
            let words = ["base", "--name", "dated", "bash"]
            let epoch = 1_500_000_000
            func build(_ words: [String]) throws {
                try succeed(["env", "SOURCE_DATE_EPOCH=\(epoch)"] + program.arguments(words))
            }
            try build(words)
            let tree = program.state.appending("layers/dated/tree")
            let times = try runChecked([
                "rpm", "--root", tree.string, "--dbpath", "/var/lib/rpm", "-qa", "--qf", "%{INSTALLTIME} %{INSTALLTID}\\n",
            ]).text.split(separator: "\n")
            // librpm counts packages of one second up.
            #expect(!times.isEmpty && times.allSatisfy { $0.hasSuffix(" \(epoch)") && $0.hasPrefix("150000") })
            let newer = try runChecked(["find", tree.string, "-newermt", "-1 hour"]).text
            #expect(newer.isEmpty, "\(newer)")
            #expect(try manifest(program, "dated").contains("\"created\" : \(epoch)"))
            let output = try runProgram(program.arguments(words))
            #expect(output.status == .exited(1) && output.standardError.contains("made by another request"))
            let wrong = try runProgram(["env", "SOURCE_DATE_EPOCH=yesterday"] + program.arguments(words))
            #expect(wrong.status == .exited(2) && wrong.standardError.contains("SOURCE_DATE_EPOCH is \"yesterday\""))
        }

        /// The demo's os repository with metadata of its own.
        private func makeRepository(at repository: FilePath) throws {
            try Files.makeDirectory(repository)
            try runChecked(["cp", "-r", World.demo.appending("os/x86_64/Packages").string, repository.string])
            let packages = try runChecked(["sh", "-c", "cd '\(repository)' && find Packages -name '*.rpm' | sort -r"]).text
            let list = directory.appending("list")
            try Files.write(packages, to: list)
            try runChecked(["createrepo_c", "-q", "--pkglist", list.string, repository.string])
        }

        /// The same command on what could be another host: one core, another host name, time zone, language, user's settings and mask.
        private func differently(_ arguments: [String]) -> [String] {
            let script =
                "echo elsewhere.example >/proc/sys/kernel/hostname; umask 077; cd /; exec taskset -c 0 \"$@\""
            return [
                "unshare", "--uts", "env", "-i", "PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TZ=Pacific/Auckland",
                "LC_ALL=C", "HOME=/nonexistent", "USER=somebody", "LOGNAME=somebody", "sh", "-ec", script, "sh",
            ] + arguments
        }

        private func succeed(_ arguments: [String]) throws {
            let output = try runProgram(arguments)
            guard output.status.succeeded else {
                throw TestFailure("\(arguments.joined(separator: " ")): \(output.text)\n\(output.standardError)")
            }
        }

        private func made(_ program: Program, _ run: ([String]) -> [String]) throws -> Made {
            var made = Made()
            let files = program.state.removingLastComponent().appending("images")
            try Files.makeDirectory(files)
            for layer in ["base", "vsftpd"] {
                made.digests.append(try #require(try program.layers().first { $0.name == layer }).digest)
                try program.withMounted(layer) {
                    made.databases.append(try sum($0.appending("var/lib/rpm/rpmdb.sqlite")))
                }
                // Compressing all of core is worth a second, not ten.
                for format in layer == "base" ? ["tar.zst"] : ["tar.zst", "cpio.bz2", "tar.gz", "tar.xz", "cpio"] {
                    let file = files.appending("\(layer).\(format)")
                    try succeed(run(program.arguments(["pack", layer, "-o", file.string, "-q"])))
                    made.images[format, default: []].append(try sum(file))
                }
            }
            return made
        }

        private func sum(_ file: FilePath) throws -> String {
            String(try runChecked(["sha256sum", file.string]).text.prefix(64))
        }

        private func manifest(_ program: Program, _ layer: String) throws -> String {
            try Files.readText(program.state.appending("layers/\(layer)/layer.json"))
        }
    }
}
