import Diagnostics
import Glibc
import Layers
import Model
import System
import SystemPackage
import Testing

/// What an installation can do to a base, and what its delta must hold of it: after the commit the merged view is what it was
/// before, path by path.
@Suite struct DeltaHazardTests {
    struct Hazard: Sendable, CustomTestStringConvertible {
        let name: String
        let script: String
        /// What the delta holds beside the directories on the way.
        let holds: [String]
        var testDescription: String { name }
    }

    private static let hazards: [Hazard] = [
        .init(name: "nothing", script: "true", holds: []),
        .init(name: "a file is removed", script: "rm etc/old", holds: ["/etc/old whiteout"]),
        .init(name: "a file is removed and comes again", script: "cp -a etc/old x; rm etc/old; mv x etc/old", holds: []),
        .init(name: "a directory is removed", script: "rm -r usr/share/doc/a", holds: ["/usr/share/doc/a whiteout"]),
        .init(name: "a file becomes a directory", script: "rm etc/old; mkdir etc/old", holds: ["/etc/old directory"]),
        .init(
            name: "a directory becomes a file", script: "rm -r usr/share/doc/b; echo b > usr/share/doc/b",
            holds: ["/usr/share/doc/b file"]),
        .init(
            name: "a directory becomes a link", script: "rm -r usr/share/doc/b; ln -s a usr/share/doc/b",
            holds: ["/usr/share/doc/b link"]),
        .init(
            name: "a link becomes a directory", script: "rm etc/su; mkdir etc/su; echo 1 > etc/su/1",
            holds: ["/etc/su/1 file"]),
        .init(
            name: "a directory is replaced by one with the same name",
            script: "rm -r usr/share/doc/b; mkdir usr/share/doc/b; echo 3 > usr/share/doc/b/3",
            holds: ["/usr/share/doc/b opaque", "/usr/share/doc/b/3 file"]),
        .init(
            name: "a directory is renamed", script: "mv usr/share/doc/b usr/share/doc/c",
            holds: [
                "/usr/share/doc/b whiteout", "/usr/share/doc/c/1 file", "/usr/share/doc/c/2 file",
            ]),
        .init(name: "only the mode changes", script: "chmod 600 etc/hosts", holds: ["/etc/hosts file"]),
        .init(name: "only the owner changes", script: "chown 7:8 etc/hosts", holds: ["/etc/hosts file"]),
        .init(name: "only the group of a link changes", script: "chown -h :9 etc/su", holds: ["/etc/su link"]),
        .init(name: "only the time changes", script: "touch -d 2001-01-01 etc/hosts", holds: ["/etc/hosts file"]),
        .init(
            name: "only capabilities change", script: "setcap cap_net_raw,cap_net_admin+ep usr/bin/ping",
            holds: ["/usr/bin/ping file"]),
        .init(name: "capabilities go", script: "setcap -r usr/bin/ping", holds: ["/usr/bin/ping file"]),
        .init(
            name: "an attribute comes and one goes",
            script: "setfattr -n user.more -v y etc/hosts; setfattr -x user.note usr/share",
            holds: ["/etc/hosts file", "/usr/share directory"]),
        .init(
            name: "an access list goes", script: "setfattr -x system.posix_acl_access var/log", holds: ["/var/log directory"]),
        .init(
            name: "only a directory's mode changes", script: "chmod 700 usr/share/doc/b", holds: ["/usr/share/doc/b directory"]),
        .init(name: "a new empty directory", script: "mkdir -m 1777 var/spool", holds: ["/var/spool directory"]),
        .init(
            name: "a directory is only touched", script: "touch usr/share/doc/b; : > var/tmp-file; rm var/tmp-file", holds: []),
        .init(name: "a file is opened and closed", script: ": >> etc/hosts; chmod 644 etc/hosts", holds: []),
        .init(
            name: "new hard links", script: "echo 1 > etc/one; ln etc/one etc/two; ln etc/one usr/three",
            holds: ["/etc/one file", "/etc/two file", "/usr/three file"]),
        .init(
            name: "a hard link to a file below", script: "ln etc/old etc/older",
            holds: ["/etc/old file", "/etc/older file"]),
        .init(
            name: "one of several links below changes", script: "rm usr/bin/sudo; echo sudo > usr/bin/sudo",
            holds: ["/usr/bin/sudo file"]),
        .init(
            name: "devices, a pipe and a socket",
            script: "mknod -m 640 dev/sda b 8 0; rm dev/null; mknod -m 666 dev/null c 1 5; mkfifo var/pipe; rm var/fifo",
            holds: ["/dev/null character", "/dev/sda block", "/var/fifo whiteout", "/var/pipe fifo"]),
        .init(
            name: "names that are not text",
            script: "echo x > \"$(printf 'etc/latin-\\344')\"; rm \"etc/Főtanúsítvány $(printf '\\n').pem\"",
            holds: ["/etc/Főtanúsítvány .pem whiteout", "/etc/latin-\u{fffd} file"]),
    ]

    @Test("the merged view after the commit is what was installed, and the delta holds what changed", arguments: hazards)
    func truth(_ hazard: Hazard) throws {
        let fixture = try LayerFixture()
        let base = try fixture.base()
        let staging = try fixture.store.stage("provision app web")
        let merged = try staging.mountOverlay(on: try fixture.store.chain(of: base))
        try fixture.shell("cd \(merged); \(hazard.script)")
        // A directory's time says no more than that something in it changed.
        let installed = try shown(merged)
        let app = try fixture.store.commit(staging, rules: .none) { fixture.manifest("web", on: base, $0) }
        #expect(try view(app, fixture) { try shown($0) } == installed)
        #expect(try held(app) == hazard.holds.sorted())
        #expect(try fixture.store.condition(of: app).digest == app.digest)
    }

    @Test("a file with holes takes no more room in a layer than it did before")
    func sparse() throws {
        let fixture = try LayerFixture()
        let base = try fixture.base()
        let staging = try fixture.store.stage("provision app web")
        let merged = try staging.mountOverlay(on: try fixture.store.chain(of: base))
        try fixture.shell(
            "cd \(merged); truncate -s 1G var/lastlog; printf x | dd of=var/lastlog seek=1000000 bs=1 conv=notrunc")
        let app = try fixture.store.commit(staging, rules: .none) { fixture.manifest("web", on: base, $0) }
        let clone = try fixture.store.clone(app, as: "copy", command: "provision app copy")
        #expect(app.manifest.size == 1 << 30)
        let blocks = try runChecked(["du", "-sk", app.tree.string, clone.tree.string]).text
        #expect(try #require(blocks.firstMatch(of: /^(\d+)/).flatMap { Int($0.1) }) < 1024)
    }

    @Test("what a build writes gets the build's time, what packages bring keeps theirs, directories that were there theirs")
    func times() throws {
        let fixture = try LayerFixture()
        let base = try fixture.base()
        let staging = try fixture.store.stage("provision app web")
        let merged = try staging.mountOverlay(on: try fixture.store.chain(of: base))
        try fixture.shell(
            """
            cd \(merged); echo 1 > etc/made; mkdir usr/new; ln -s made usr/new/link; echo 2 > usr/new/brought
            touch -d '2019-01-01 00:00:00Z' usr/new/brought; setfattr -x system.posix_acl_access var/log
            """)
        let app = try fixture.store.commit(staging, rules: .none, time: 1_600_000_000) { fixture.manifest("web", on: base, $0) }
        let times = Dictionary(
            uniqueKeysWithValues: try TreeScanner.scan(app.tree).entries.map { ($0.path.description, $0.modified) })
        #expect(["/etc/made", "/usr/new", "/usr/new/link"].allSatisfy { times[$0] == 1_600_000_000 })
        #expect(times["/usr/new/brought"] == 1_546_300_800)
        let below = Dictionary(
            uniqueKeysWithValues: try TreeScanner.scan(base.tree).entries.map { ($0.path.description, $0.modified) })
        #expect(["/", "/etc", "/usr", "/var", "/var/log"].allSatisfy { times[$0] == below[$0] })
    }

    private func shown(_ tree: FilePath) throws -> [String] { try listing(tree, onlyFileTimes: true) }

    private func held(_ layer: Layer) throws -> [String] {
        let entries = try TreeScanner.scan(layer.tree).entries
        let parents = Set(entries.compactMap(\.path.parent))
        return entries.filter { !$0.path.isRoot && (!parents.contains($0.path) || $0.isOpaque) }.map { entry in
            let kind =
                switch entry.kind {
                case .file: "file"
                case .directory: entry.isOpaque ? "opaque" : "directory"
                case .link: "link"
                case .character: entry.isWhiteout ? "whiteout" : "character"
                case .block: "block"
                case .fifo: "fifo"
                case .socket: "socket"
                }
            return "\(entry.path) \(kind)"
        }.sorted()
    }

    private func view<Result>(
        _ layer: Layer, _ fixture: borrowing LayerFixture, _ body: (FilePath) throws -> Result
    ) throws -> Result {
        let chain = try fixture.store.chain(of: layer)
        let place = fixture.path.appending("view")
        try Files.makeDirectory(place)
        try MountTable(state: fixture.store.state).mount(
            trees: chain.trees, target: layer.name, layers: chain.names, at: place, writable: false, now: 1)
        defer { umount2(place.string, Int32(MNT_DETACH)) }
        return try body(place)
    }
}
