import Diagnostics
import Glibc
import Layers
import Model
import System
import SystemPackage
import Testing

/// A state directory with layers that hold all that a layer can hold. Needs root.
struct LayerFixture: ~Copyable {
    let directory: TemporaryDirectory
    var path: FilePath { directory.path }
    var store: LayerStore { LayerStore(state: directory.path.appending("state")) }

    init() throws {
        try #require(geteuid() == 0, "these tests need root")
        directory = try TemporaryDirectory(prefix: "layers-integration")
    }

    func shell(_ script: String) throws {
        try runChecked(["sh", "-ec", script])
    }

    func manifest(_ name: String, on parent: Layer? = nil, _ measure: TreeMeasure) -> LayerManifest {
        LayerManifest(
            name: name, kind: parent == nil ? .base : .app, release: "demo", arch: "x86_64",
            parent: parent.map { .init(name: $0.name, digest: $0.digest) }, digest: measure.digest,
            request: sha256(of: "request of \(name)"), command: "provision base \(name)", created: 1_795_000_000,
            database: nil, yumConfiguration: nil, packages: [], patches: [], warnings: [], size: measure.size,
            fileCount: measure.fileCount)
    }

    /// A root with setuid, capabilities, devices, access lists, hard links, odd owners and odd names.
    func base(_ name: String = "base") throws -> Layer {
        let staging = try store.stage("provision base \(name)")
        try shell(
            """
            cd \(staging.tree)
            mkdir -p etc usr/bin usr/share/doc/a usr/share/doc/b var/log dev
            echo hosts > etc/hosts; echo cache > etc/ld.so.cache; echo old > etc/old; echo kept > usr/share/doc/a/kept
            echo 1 > usr/share/doc/b/1; echo 2 > usr/share/doc/b/2
            cp /bin/true usr/bin/ping; setcap cap_net_raw+ep usr/bin/ping
            cp /bin/true usr/bin/su; chmod 4755 usr/bin/su; ln usr/bin/su usr/bin/sudo; ln usr/bin/su etc/a-su
            ln -s ../usr/bin/su etc/su; mkfifo var/fifo; mknod -m 0666 dev/null c 1 3; mknod -m 0600 dev/loop0 b 7 0
            chown 3000000:70000 etc/hosts; chown -h 5:6 etc/su; chmod 2775 var/log; chmod 1777 var
            setfattr -n user.note -v root .; setfattr -n user.note -v x usr/share
            touch "etc/Főtanúsítvány $(printf '\\n').pem"; touch "$(printf 'etc/latin-\\344')"
            find . -exec touch -h -d '2020-02-03 04:05:06' {} +
            touch -d '1965-01-01' etc/old
            chmod 0555 .
            """)
        try setAccessList(staging.tree.appending("var/log"))
        return try store.commit(staging, rules: .none) { manifest(name, $0) }
    }

    /// rw for the owner, r for user 1000: as posix_acl_to_xattr writes it, little-endian.
    private func setAccessList(_ path: FilePath) throws {
        func entry(_ tag: UInt8, _ rights: UInt8, _ user: [UInt8] = [255, 255, 255, 255]) -> [UInt8] {
            [tag, 0, rights, 0] + user
        }
        let value =
            [2, 0, 0, 0] + entry(1, 7) + entry(2, 4, [0xe8, 3, 0, 0]) + entry(4, 7) + entry(0x10, 7) + entry(0x20, 5)
        try path.withPlatformString {
            try ExtendedAttributes.set(.init(name: "system.posix_acl_access", value: value), at: $0)
        }
    }

    /// An application's layer made over an overlay: whiteouts, an opaque directory, changed metadata, new things.
    func app(_ name: String = "web", on base: Layer, rules: DeltaRules = .none) throws -> Layer {
        let staging = try store.stage("provision app \(name)")
        let merged = try staging.mountOverlay(on: try store.chain(of: base))
        try shell(
            """
            cd \(merged)
            rm etc/old; rm -r usr/share/doc/b; mkdir usr/share/doc/b; echo 3 > usr/share/doc/b/3; rm -r usr/share/doc/a
            cp /bin/true usr/bin/web; setcap cap_net_bind_service+ep usr/bin/web; chmod 0711 usr/bin/ping
            echo 'www:x:48:' > etc/group; mknod -m 0666 dev/zero c 1 5
            """)
        return try store.commit(staging, rules: rules) { manifest(name, on: base, $0) }
    }
}

/// One line for each path with everything that must survive, for comparing trees path by path.
func listing(_ tree: FilePath, times: Bool = true, attributes: Bool = true, onlyFileTimes: Bool = false) throws -> [String] {
    let scanned = try TreeScanner.scan(tree)
    return try scanned.entries.map { entry in
        var line = "\(entry.path.bytes.map { $0 < 0x80 ? String(UnicodeScalar($0)) : "\\\($0)" }.joined()) \(entry.kind)"
        line += " \(String(entry.mode, radix: 8)) \(entry.owner):\(entry.group) \(entry.size)"
        if let first = entry.firstLink { line += " = \(scanned.entries[first].path)" }
        if times, entry.kind == .file || !onlyFileTimes { line += " @\(entry.modified)" }
        if attributes { line += " \(entry.attributes.map { "\($0.name)=\(hexadecimal($0.value))" })" }
        if entry.kind == .file {
            let file = scanned.withHostPath(entry.path) { open($0, O_RDONLY | O_NOFOLLOW) }
            defer { close(file) }
            line += " " + (try digest(of: FileDescriptor(rawValue: file), path: tree).digest.short)
        }
        return line
    }
}
