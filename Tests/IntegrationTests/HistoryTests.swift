import Foundation
import System
import SystemPackage
import Testing

extension EndToEnd {
    /// What dnf in a root of ours is told of how it was made, against what dnf records when it makes the root itself.
    @Suite struct HistoryTests {
        private let directory: FilePath

        init() throws {
            directory = World.directory.appending("history-\(UUID().uuidString)")
            try Files.makeDirectory(directory)
        }

        @Test(
            "reasons, groups and members of a core base are those that dnf records, and its own questions get the same answers")
        func base() throws {
            defer { #expect(throws: Never.self) { try Files.remove(directory) } }
            let (program, answer) = try World.core.get()
            let ours = try copy(of: "base", program)
            let theirs = try copy(try World.dnfRoot.get())
            let lines = try history(ours)
            #expect(lines.count(where: { $0.hasPrefix("1|") }) > answer.packages.count)
            try expectSameHistory(ours, theirs)
            let configuration = World.directory.appending("dnf.conf")
            for question in [
                ["history", "userinstalled"], ["repoquery", "--unneeded"], ["group", "list", "--ids", "installed", "hidden"],
                ["list", "--installed"],
            ] {
                let expected = try ask(question, theirs, configuration)
                #expect(try ask(question, ours, configuration) == expected, "\(question)")
            }
            #expect(try ask(["group", "list", "--ids", "installed", "hidden"], ours, configuration).contains("(core)"))
        }

        @Test("an application's transaction goes on from the base's: updates keep why the package is there, as dnf does it")
        func application() throws {
            defer { #expect(throws: Never.self) { try Files.remove(directory) } }
            let configuration = directory.appending("dnf.conf")
            try Files.write(
                """
                [main]
                gpgcheck=0
                install_weak_deps=0
                best=1
                plugins=0
                reposdir=/nonexistent
                [demo-os]
                name=os
                baseurl=file://\(World.demo)/os/x86_64/
                [demo-updates]
                name=updates
                baseurl=file://\(World.demo)/updates/x86_64/
                """, to: configuration)
            let theirs = directory.appending("theirs")
            try World.dnf(
                ["--releasever", "12", "--disablerepo", "demo-updates", "install", "bash", "tree", "@ftp-server"],
                configuration: configuration, root: theirs)
            try World.dnf(
                ["--releasever", "12", "install", "bash", "vsftpd", "jq", "@admin-tools"], configuration: configuration,
                root: theirs)
            let program = try World.program("\(directory.lastComponent!)/ours")
            try program.succeed(["base", "base", "bash", "tree", "@ftp-server"])
            try program.succeed([
                "app", "bash", "vsftpd", "jq", "@admin-tools", "--name", "tools", "--on", "base", "--enable-repo",
                "demo-updates",
            ])
            let ours = try copy(of: "tools", program)
            let lines = try history(ours)
            // The update of a dependency stays one, its old version is told of; what a group brought keeps that.
            #expect(lines.contains { $0.hasPrefix("2|upgrade|user|bash-") && $0.contains(".demo12.1.x86_64|demo-updates|") })
            #expect(lines.contains { $0.hasPrefix("2|upgraded|user|bash-") && $0.contains(".demo12.x86_64|@System|") })
            #expect(lines.contains { $0.hasPrefix("2|upgrade|group|vsftpd-") })
            try expectSameHistory(ours, theirs)
            for question in [["history", "userinstalled"], ["repoquery", "--unneeded"], ["history", "list"]] {
                let answers = try [ours, theirs].map { try ask(question, $0, configuration) }
                // What was typed and when differ; the marks of a database that others changed must not be there.
                if question[1] == "list" {
                    #expect(answers[0].contains("install @ftp-server bas") && !answers[0].contains(#/ \d+ [<>*#E]/#))
                } else {
                    #expect(answers[0] == answers[1], "\(question)")
                }
            }
        }

        @Test("streams of modules are enabled as dnf enables them, and an application on top keeps to them")
        func modules() throws {
            defer { #expect(throws: Never.self) { try Files.remove(directory) } }
            let configuration = try modularRepository()
            let theirs = directory.appending("theirs")
            try World.dnf(
                ["--releasever", "12", "install", "@ftp:3/devel", "tree", "bash"], configuration: configuration, root: theirs)
            let program = try World.program("\(directory.lastComponent!)/ours")
            try program.succeed(["base", "base", "@ftp:3/devel", "tree", "bash", "-c", configuration.string])
            try program.succeed([
                "base", "silent", "@ftp:3/devel", "tree", "bash", "-c", configuration.string, "--setopt", "history_record=0",
            ])
            let silent = program.state.appending("layers/silent/tree")
            #expect(try !Files.exists(silent.appending("var/lib/dnf")) && moduleStates(silent) == moduleStates(theirs))
            let first = try copy(of: "base", program)
            #expect(try moduleStates(first).keys.sorted() == ["ftp.module", "query.module", "trees.module"])
            #expect(try moduleStates(first) == moduleStates(theirs))
            try expectSameHistory(first, theirs)
            let listed = try ask(["module", "list", "--enabled"], theirs, configuration)
            #expect(try ask(["module", "list", "--enabled"], first, configuration) == listed && listed.contains("3 [e]"))

            // Stream 4, the default, has the newer vsftpd; the root says 3.
            try World.dnf(
                ["--releasever", "12", "install", "vsftpd", "@ftp/common"], configuration: configuration, root: theirs)
            try program.succeed(["app", "vsftpd", "@ftp/common", "--on", "base"])
            let second = try copy(of: "vsftpd", program)
            #expect(try moduleStates(second) == moduleStates(theirs))
            try expectSameHistory(second, theirs)
            #expect(try installedPackages(in: second) == installedPackages(in: theirs))
            let other = try program.failure(["app", "@ftp:4", "--on", "base"])
            #expect(other.status == 3 && other.error.causes.contains { $0.contains("\"ftp:3\" is enabled in the root") })
        }

        @Test("where the release's tool is yum, its database names each package of rpm's, with its reason, and its groups")
        func yum() throws {
            defer { #expect(throws: Never.self) { try Files.remove(directory) } }
            let configuration = directory.appending("configuration")
            try Files.makeDirectory(configuration.appending("repos"))
            try World.makeLink(configuration.appending("config"), to: Program.checkout.appending("config"))
            let release = try Files.readText(World.configuration.appending("repos/demo.toml"))
            let changed = release.replacing("\nbase = ", with: "\nmanager = \"yum\"\nbase = ")
            try #require(changed != release)
            try Files.write(changed, to: configuration.appending("repos/demo.toml"))
            let program = Program(in: directory, cache: World.directory.appending("cache"), configuration: configuration)
            try Files.makeDirectory(program.state)
            try program.succeed(["release", "demo"])
            let base = try program.json(BuildDocument.self, ["base", "base", "bash", "tree", "@ftp-server"])
            let words = ["bash", "vsftpd", "jq", "@admin-tools"]
            let app = try program.json(
                BuildDocument.self, ["app", "--name", "tools", "--on", "base", "--enable-repo", "demo-updates"] + words)
            let root = try copy(of: "tools", program)
            #expect(!Files.exists(root.appending("var/lib/dnf")))

            // The reasons of the first plan that has the package, as an update keeps them.
            var reasons: [String: String] = [:]
            for package in base.packages + app.packages where reasons[package.name] == nil {
                reasons[package.name] = package.reason.hasPrefix("requires:") ? "dep" : "user"
            }
            let format = "%{NAME}\t%{SHA1HEADER}-%{NAME}-%{VERSION}-%{RELEASE}-%{ARCH}\n"
            let rpm = ["rpm", "--root", root.string, "--dbpath", "/var/lib/rpm", "-qa", "--qf", format]
            // By name, what yum calls it; keys have no digest.
            var places: [String: String] = [:]
            for line in try runChecked(rpm).text.split(separator: "\n") where !line.hasPrefix("gpg-pubkey") {
                let tab = try #require(line.firstIndex(of: "\t"))
                places[String(line[..<tab])] = String(line[line.index(after: tab)...])
            }
            let database = root.appending("var/lib/yum/yumdb")
            var known: [String] = []
            for shelf in try Files.names(in: database) { known += try Files.names(in: database.appending(shelf)) }
            #expect(known.sorted() == places.values.sorted())
            func fact(_ name: String, of package: String) throws -> String? {
                guard let place = places[package] else { return nil }
                let file = database.appending(String(package.prefix(1))).appending(place).appending(name)
                return Files.exists(file) ? try Files.readText(file) : nil
            }
            let found = try Dictionary(uniqueKeysWithValues: places.keys.map { ($0, try fact("reason", of: $0) ?? "missing") })
            #expect(found == reasons)
            #expect(Set(reasons.values) == ["dep", "user"])
            #expect(try fact("from_repo", of: "bash") == "demo-updates" && fact("from_repo", of: "tree") == "demo-os")
            #expect(try fact("group_member", of: "vsftpd") == "ftp-server" && fact("group_member", of: "nano") == "admin-tools")
            #expect(try fact("group_member", of: "bash") == nil && fact("releasever", of: "glibc") == "12")
            let sum = try #require(app.packages.first { $0.name == "jq" }?.sha256)
            #expect(try fact("checksum_type", of: "jq") == "sha256" && fact("checksum_data", of: "jq") == sum)
            let groups = try Files.readText(root.appending("var/lib/yum/groups/installed"))
            #expect(groups.hasPrefix("1\n2\nadmin-tools\n14\nbash-completion\n"))
            #expect(groups.hasSuffix("\nftp-server\n2\nftp\nvsftpd\n"))
            #expect(try Files.readText(root.appending("var/lib/yum/groups/environment")) == "1\n0\n")
        }

        // MARK: - Roots

        /// A layer's merged view as a directory that dnf can write its caches to.
        private func copy(of layer: String, _ program: Program) throws -> FilePath { try program.withMounted(layer, copy) }

        private func copy(_ root: FilePath) throws -> FilePath {
            let copy = directory.appending("copy-\(UUID().uuidString)")
            _ = try runChecked(["cp", "-a", root.string, copy.string])
            return copy
        }

        /// What the host's dnf says of a root, without what it says of its own work. Where it has nothing to list, that is an error.
        private func ask(_ words: [String], _ root: FilePath, _ configuration: FilePath) throws -> String {
            let output = try World.runDnf(["-q", "--releasever", "12"] + words, configuration: configuration, root: root)
            return "\(output.status)\n\(output.text)"
        }

        private func expectSameHistory(_ ours: FilePath, _ theirs: FilePath) throws {
            let (ours, theirs) = (Set(try history(ours)), Set(try history(theirs)))
            #expect(ours.subtracting(theirs).sorted() == [])
            #expect(theirs.subtracting(ours).sorted() == [])
        }

        /// By name, the files of enabled streams.
        private func moduleStates(_ root: FilePath) throws -> [String: String] {
            let states = root.appending("etc/dnf/modules.d")
            return try Dictionary(
                uniqueKeysWithValues: Files.names(in: states).map { ($0, try Files.readText(states.appending($0))) })
        }

        /// All that a history tells but times, commands and the state of the rpm database, sorted.
        private func history(_ root: FilePath) throws -> [String] {
            let query = """
                SELECT t.trans_id, CASE t.action WHEN 1 THEN 'install' WHEN 5 THEN 'obsoleted' WHEN 6 THEN 'upgrade'
                    WHEN 7 THEN 'upgraded' ELSE t.action END,
                  CASE t.reason WHEN 1 THEN 'dependency' WHEN 2 THEN 'user' WHEN 4 THEN 'weak' WHEN 5 THEN 'group' ELSE t.reason END,
                  coalesce(r.name || '-' || r.epoch || ':' || r.version || '-' || r.release || '.' || r.arch, '@' || g.groupid),
                  p.repoid, t.state, i.item_type,
                  (SELECT group_concat(n.name) FROM item_replaced_by b JOIN trans_item x ON x.id = b.by_trans_item_id
                    JOIN rpm n ON n.item_id = x.item_id WHERE b.trans_item_id = t.id)
                  FROM trans_item t JOIN item i ON i.id = t.item_id JOIN repo p ON p.id = t.repo_id
                  LEFT JOIN rpm r ON r.item_id = t.item_id LEFT JOIN comps_group g ON g.item_id = t.item_id;
                SELECT 'transaction', id, releasever, user_id, state, comment FROM trans;
                SELECT g.groupid, g.name, g.translated_name, g.pkg_types, m.name, m.installed, m.pkg_type
                  FROM comps_group g JOIN comps_group_package m ON m.group_id = g.item_id;
                SELECT * FROM config;
                """
            let text = try runChecked(["sqlite3", root.appending("var/lib/dnf/history.sqlite").string, query]).text
            return text.split(separator: "\n").map(String.init).sorted()
        }

        /// Two streams of a module with different versions of vsftpd, one that the first requires, and one with a package of
        /// its own, over the demo distribution's packages.
        private func modularRepository() throws -> FilePath {
            let repository = directory.appending("modular")
            try Files.makeDirectory(repository)
            var names: [String: String] = [:]
            for (place, wanted) in [("os", ["vsftpd-3", "tree-2", "jq-1", "oniguruma-6"]), ("updates", ["vsftpd-3"])] {
                let packages = World.demo.appending("\(place)/x86_64/Packages")
                for file in try Files.names(in: packages) {
                    guard let name = wanted.first(where: file.hasPrefix) else { continue }
                    try Files.copyContents(packages.appending(file), to: repository.appending(file))
                    let whole = file.replacing(".rpm", with: "")
                    let parts = whole.split(separator: "-", maxSplits: 1)
                    names["\(place) \(name.prefix { $0 != "-" })"] = "\(parts[0])-0:\(parts[1])"
                }
            }
            func module(_ name: String, _ stream: String, _ package: String, requires: String = "", profile: String) -> String {
                """
                ---
                document: modulemd
                version: 2
                data:
                  name: \(name)
                  stream: "\(stream)"
                  version: 20240101000000
                  context: abcd1234
                  arch: x86_64
                  summary: \(name)
                  description: \(name)
                  license: {module: [MIT]}
                  dependencies: [{requires: {\(requires)}}]
                  profiles:
                    common: {rpms: [\(profile)]}
                    devel: {rpms: [tree]}
                  artifacts: {rpms: ["\(names[package]!)"]}
                ...

                """
            }
            func defaults(_ name: String, _ stream: String) -> String {
                """
                ---
                document: modulemd-defaults
                version: 1
                data: {module: \(name), stream: "\(stream)", profiles: {"3": [common], "\(stream)": [common]}}
                ...

                """
            }
            let text =
                module("ftp", "3", "os vsftpd", requires: "query: []", profile: "vsftpd")
                + module("ftp", "4", "updates vsftpd", profile: "vsftpd") + module("query", "1.6", "os jq", profile: "jq")
                + module("trees", "2", "os tree", profile: "tree") + defaults("ftp", "4") + defaults("query", "1.6")
                + defaults("trees", "2")
            try Files.write(text, to: directory.appending("modules.yaml"))
            _ = try runChecked(["createrepo_c", "-q", repository.string])
            _ = try runChecked([
                "modifyrepo_c", "--mdtype=modules", directory.appending("modules.yaml").string,
                repository.appending("repodata").string,
            ])
            let configuration = directory.appending("modular.conf")
            try Files.write(
                """
                [main]
                gpgcheck=0
                install_weak_deps=0
                best=1
                plugins=0
                reposdir=/nonexistent
                module_platform_id=platform:d12
                releasever=12
                [os]
                name=os
                baseurl=file://\(World.demo)/os/x86_64/
                [modular]
                name=modular
                baseurl=file://\(repository)/
                """, to: configuration)
            return configuration
        }
    }
}
