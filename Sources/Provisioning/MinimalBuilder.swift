internal import Configuration
internal import Diagnostics
internal import Glibc
internal import Layers
internal import Model
internal import System
public import SystemPackage

/// What `minimal` was asked for.
public struct MinimalRequest: Sendable {
    public var name: String
    /// A static busybox; nil means the host's.
    public var busybox: FilePath?
    /// Build although a fitting layer exists.
    public var fresh = false
    /// As typed, for the manifest.
    public var command = ""

    public init(name: String) { self.name = name }
}

/// Makes a base layer of one static busybox: a root of two megabytes that runs and boots, without packages and without a network.
public struct MinimalBuilder {
    private let context: Context
    private let clock: PhaseClock
    private let store: LayerStore

    public init(context: Context) {
        self.context = context
        clock = PhaseClock(context.progress)
        store = LayerStore(state: context.state, progress: context.progress)
    }

    /// Goes up when the tree below changes: layers of the older form are then made again.
    private static let form = 2
    private static let hostPrograms: [FilePath] = ["/bin/busybox", "/usr/bin/busybox"]

    /// Makes the layer, or answers with one of the same busybox.
    ///
    /// - Throws: `.notFound` where there is no busybox, `.failed` for one that isn't static or can't be run here, `.conflict` where
    ///   another layer has the name, `.unsupported` without root.
    public func build(_ request: MinimalRequest) throws -> BuildAnswer {
        try LayerName.check(request.name)
        for words in try store.sweep().removed { clock.detail("removed what a dead run left: \(words)") }
        let program = try program(request)
        let bytes = try Files.read(program)
        let executable = try StaticExecutable(bytes, name: program.string)
        let sourceDate = try SourceDate.requested()
        let identity = sha256(
            of: "minimal \(MinimalBuilder.form) \(try digest(ofFileAt: program).digest)" + (sourceDate.map { " \($0)" } ?? ""))
        let lock = try store.lock(request.name, words: request.command) { holder in
            clock.warn("waiting for another run that makes \"\(request.name)\": \(holder)")
        }
        return try withExtendedLifetime(lock) {
            if !request.fresh, let layer = try existing(request, identity: identity) { return answer(layer, reused: true) }
            guard geteuid() == 0 else {
                throw ProvisionError(.unsupported, "making a root needs root", hint: "run it with sudo")
            }
            if request.fresh, let old = try store.layerIfPresent(request.name) { try store.refuseIfNeeded(old, to: "replace") }
            let applets = try applets(of: program)
            return answer(
                try make(
                    request, busybox: bytes, applets: applets, architecture: executable.architecture, identity: identity,
                    time: try sourceDate ?? modified(program)),
                reused: false)
        }
    }

    // MARK: - Steps

    private func program(_ request: MinimalRequest) throws -> FilePath {
        if let file = request.busybox { return try Files.canonical(file) }
        guard let found = MinimalBuilder.hostPrograms.first(where: { Files.exists($0) }) else {
            throw ProvisionError(
                .notFound, "there is no busybox on this host",
                hint: "install the package busybox-static, or name a static one with --busybox")
        }
        return found
    }

    private func existing(_ request: MinimalRequest, identity: ContentDigest) throws -> Layer? {
        guard let twin = try store.find(request: identity, preferring: request.name) else {
            guard let other = try store.layerIfPresent(request.name) else { return nil }
            throw ProvisionError(
                .conflict, "a layer \"\(request.name)\" exists already, made by another request: \(other.manifest.command)",
                hint: "choose another name, rebuild it with --fresh, or remove it: provision rm \(request.name)")
        }
        if twin.name == request.name { return twin }
        if try store.layerIfPresent(request.name) != nil {
            throw ProvisionError(
                .conflict, "a layer \"\(request.name)\" exists already, made by another request",
                hint: "choose another name, rebuild it with --fresh, or remove it: provision rm \(request.name)")
        }
        return try store.clone(twin, as: request.name, command: request.command)
    }

    /// Paths from the root, as `busybox --list-full` names them; those outside the four program directories are left out (linuxrc,
    /// which an initial ramdisk had).
    private func applets(of program: FilePath) throws -> [String] {
        // busybox takes the name that it is called by for an applet's: a file of another name is called through a link.
        let directory = try TemporaryDirectory()
        let link = directory.path.appending("busybox")
        try check(symlink(program.string, link.string), "make the link", link)
        let output = try runChecked([link.string, "--list-full"])
        let applets = output.text.split(whereSeparator: \.isNewline).map(String.init).filter { $0 != "bin/busybox" }
        let usable = applets.filter { path in
            let parts = path.split(separator: "/", omittingEmptySubsequences: false)
            guard let name = parts.last, !["", ".", ".."].contains(name) else { return false }
            return MinimalRoot.programDirectories.contains(parts.dropLast().joined(separator: "/"))
        }
        guard usable.contains("bin/sh") else {
            throw ProvisionError(
                .failed, "\"\(program)\" is no busybox with a shell: `--list-full` doesn't name bin/sh",
                hint: "name another one with --busybox")
        }
        return usable
    }

    private func make(
        _ request: MinimalRequest, busybox: [UInt8], applets: [String], architecture: String, identity: ContentDigest,
        time: Int64
    ) throws -> Layer {
        let staging = try store.stage(request.command)
        do {
            try MinimalRoot(busybox: busybox, applets: applets).write(to: staging.tree)
            return try clock.phase(.commit) {
                let layer = try store.commit(staging, replacing: request.fresh, rules: .none, time: time, progress: clock) {
                    measure in
                    LayerManifest(
                        name: request.name, kind: .base, release: BuildConfiguration.customID, arch: architecture, parent: nil,
                        digest: measure.digest, request: identity, command: request.command, created: time,
                        database: nil, yumConfiguration: nil, packages: [], patches: [], warnings: [], size: measure.size,
                        fileCount: measure.fileCount)
                }
                return (layer, note: "busybox with \(applets.count) applets")
            }
        } catch {
            do { try staging.discard() } catch let leftover {
                clock.warn("cannot remove the staging directory: \(leftover)", hint: "provision gc removes it later")
            }
            throw error
        }
    }

    /// When the program was made, which is all that there is to date the layer by: seconds since 1970.
    private func modified(_ program: FilePath) throws -> Int64 {
        var status = stat()
        try check(stat(program.string, &status), "look at", program)
        return Int64(status.st_mtim.tv_sec)
    }

    private func answer(_ layer: Layer, reused: Bool) -> BuildAnswer {
        BuildAnswer(
            name: layer.name, kind: .base, release: layer.manifest.release, parent: nil, path: layer.tree.string,
            digest: layer.digest, reused: reused, packages: [], downloadBytes: 0, downloadedBytes: 0, installedBytes: 0,
            layerBytes: layer.manifest.size, patches: [], warnings: clock.warnings, seconds: clock.seconds,
            elapsed: clock.elapsed)
    }
}

/// The tree of a minimal base.
struct MinimalRoot {
    static let programDirectories = ["bin", "sbin", "usr/bin", "usr/sbin"]
    private static let mountPoints: [(String, UInt32)] = [
        ("/proc", 0o555), ("/sys", 0o555), ("/dev", 0o755), ("/run", 0o755), ("/tmp", 0o1777), ("/root", 0o700),
        ("/var", 0o755),
    ]
    private static let files: [(String, String)] = [
        ("/etc/os-release", "ID=minimal\nNAME=\"provision minimal\"\nPRETTY_NAME=\"Minimal root of one busybox\"\n"),
        ("/etc/passwd", "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n"),
        ("/etc/group", "root:x:0:\nnobody:x:65534:\n"),
        // busybox's own default would look for four virtual terminals, which a container has not.
        ("/etc/inittab", "console::askfirst:-/bin/sh\n"),
    ]

    /// What systemd-nspawn asks for a command's user, and busybox lacks: see getent(1).
    private static let getent = """
        #!/bin/sh
        # getent passwd|group NAME, getent initgroups NAME
        if [ "$1" = initgroups ]; then grep "^$2:" /etc/passwd | { IFS=: read -r name _ _ group _ && echo "$name $group"; }
        else grep -e "^$2:" -e "^[^:]*:[^:]*:$2:" "/etc/$1"; fi

        """

    let busybox: [UInt8]
    /// Paths from the root, without the leading slash.
    let applets: [String]

    func write(to tree: FilePath) throws {
        let root = try RootedDirectory(tree)
        for directory in MinimalRoot.programDirectories + ["etc"] { try root.makeDirectory("/" + directory) }
        for (directory, mode) in MinimalRoot.mountPoints {
            try root.makeDirectory(directory)
            try root.setMode(directory, mode)
        }
        try root.write("/bin/busybox", busybox, mode: 0o755)
        for applet in applets {
            // Relative, so that they lead to this root's busybox also when they are looked at from the host.
            let depth = applet.split(separator: "/").count - 1
            let target =
                depth == 1 && applet.hasPrefix("bin/") ? "busybox" : String(repeating: "../", count: depth) + "bin/busybox"
            try root.makeLink("/" + applet, to: target)
        }
        if !applets.contains("usr/bin/getent") {
            try root.write("/usr/bin/getent", Array(MinimalRoot.getent.utf8), mode: 0o755)
        }
        for (path, text) in MinimalRoot.files { try root.write(path, Array(text.utf8), mode: 0o644) }
    }
}
