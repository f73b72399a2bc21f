internal import Containers
internal import Diagnostics
internal import Glibc
internal import Installing
internal import System
internal import SystemPackage

/// One thing that a host has or lacks.
public struct Finding: Encodable, Sendable, Equatable {
    public enum Verdict: String, Encodable, Sendable {
        case good
        /// Works without it, but for what `detail` says.
        case limited
        /// Layers can't be made or run here.
        case missing
    }

    public var subject: String
    public var verdict: Verdict
    public var detail: String
    public var remedy: String?
}

/// Tells what this host can do, by trying it: nothing is left behind.
///
/// Give it a process of its own: it moves into a mount namespace and configures librpm.
public struct Doctor {
    private let context: Context

    public init(context: Context) { self.context = context }

    public func examine() -> [Finding] {
        [
            root(),
            finding("mount namespaces") {
                try PrivateMounts.enter()
                return "can be made"
            },
            finding("pid and network namespaces", hint: "allow namespaces: in a container, run it privileged") {
                var options = ChildProcess.Options()
                options.namespaces = [.mount, .pid, .ipc, .uts, .network]
                options.ownProc = true
                var child = try ChildProcess(["true"], options: options)
                guard child.wait() == .exited(0) else { throw ProvisionError(.failed, "a process in them could not run") }
                return "can be made"
            },
            finding("overlayfs on the state's file system", hint: "choose a state on ext4, xfs, btrfs or tmpfs with --state") {
                try overlay()
            },
            finding("cgroups") {
                let cgroups = try HostCgroups.probe()
                return "\(cgroups.layout), with \(cgroups.controllers.joined(separator: ", "))"
            },
            limits(),
            inotify(),
            finding("links of containers", or: .limited) { try HostProbes.links() },
            finding("nftables", or: .limited, hint: "install the package nftables") { try HostProbes.rules() },
            optional("user namespaces", "--private-users and runs by others than root", HostIsolation.userNamespaces),
            optional("id-mapped mounts on the state's file system", "--private-users") {
                try HostIsolation.mappedMounts(in: try existingPlace())
            },
            optional("seccomp filters", "containers without them reach more of the kernel", HostIsolation.filters),
            databases(),
        ] + Doctor.programs.map(program)
    }

    // MARK: - Checks

    private func finding(
        _ subject: String, or verdict: Finding.Verdict = .missing, hint: String? = nil, _ body: () throws -> String
    ) -> Finding {
        do {
            return Finding(subject: subject, verdict: .good, detail: try body())
        } catch {
            let known = error as? ProvisionError
            return Finding(
                subject: subject, verdict: verdict, detail: known?.description ?? "\(error)", remedy: known?.hint ?? hint)
        }
    }

    /// As `finding`, for what only `purpose` needs.
    private func optional(_ subject: String, _ purpose: String, _ body: () throws -> String) -> Finding {
        do {
            return Finding(subject: subject, verdict: .good, detail: try body())
        } catch {
            let known = error as? ProvisionError
            return Finding(
                subject: subject, verdict: .limited, detail: "\(known?.message ?? "\(error)"); needed for \(purpose)",
                remedy: known?.hint ?? "see user_namespaces(7) and the kernel's configuration")
        }
    }

    /// The state's directory, or where it would be made.
    private func existingPlace() throws -> FilePath {
        var place = context.state
        while !Files.exists(place), !place.components.isEmpty { place = place.removingLastComponent() }
        return place
    }

    private func root() -> Finding {
        geteuid() == 0
            ? Finding(subject: "root", verdict: .good, detail: "this is root")
            : Finding(subject: "root", verdict: .missing, detail: "layers are made and run by root", remedy: "run it with sudo")
    }

    private func limits() -> Finding {
        do {
            let (enforceable, refused) = try HostProbes.limits()
            guard let first = refused.first else {
                return Finding(subject: "limits", verdict: .good, detail: enforceable.joined(separator: ", "))
            }
            let what = (enforceable.isEmpty ? "none" : enforceable.joined(separator: ", ")) + "; "
            return Finding(
                subject: "limits", verdict: .limited, detail: what + refused.map(\.message).joined(separator: "; "),
                remedy: first.hint)
        } catch {
            return Finding(subject: "limits", verdict: .limited, detail: error.description, remedy: error.hint)
        }
    }

    private func inotify() -> Finding {
        let (systems, hint) = InotifyInstances.room()
        return Finding(
            subject: "inotify instances", verdict: hint == nil ? .good : .limited,
            detail: "\(hint == nil ? "at least " : "")\(systems) more systems can boot",
            remedy: hint)
    }

    /// A layer, a machine's upper and a mount of both, where they would lie.
    private func overlay() throws -> String {
        var place = context.state
        while !Files.exists(place), !place.components.isEmpty { place = place.removingLastComponent() }
        let directory = try TemporaryDirectory(in: place, prefix: "provision-doctor")
        let parts = ["one", "two", "upper", "work", "merged"].map { directory.path.appending($0) }
        for part in parts { try Files.makeDirectory(part) }
        try Files.write("lower", to: parts[0].appending("file"))
        try OverlayMount(lower: [parts[0], parts[1]], upper: parts[2], work: parts[3]).mount(at: parts[4])
        // It goes with our mount namespace in any case; but the directories below it are removed before.
        defer { try? unmount(parts[4], lazily: true) }
        let file = parts[4].appending("file")
        // A whiteout and a copy up are what layers are made of.
        try Files.write("upper", to: file)
        guard try Files.readText(file) == "upper", try Files.readText(parts[0].appending("file")) == "lower" else {
            throw ProvisionError(.failed, "what was written to an overlay in \"\(place)\" is not read back")
        }
        return "mounts in \"\(place)\""
    }

    private func databases() -> Finding {
        finding("librpm", hint: "install rpm-common (Debian) or rpm (EL)") {
            let backends = try RpmBackends.writable()
            guard backends.contains("sqlite") else {
                throw ProvisionError(.unsupported, "librpm \(RpmBackends.librpmVersion) can't make a sqlite database")
            }
            return "\(RpmBackends.librpmVersion), makes databases of type \(backends.joined(separator: " and "))"
        }
    }

    // MARK: - Programs

    /// A program that provision starts: one of `names` is enough.
    private struct Program {
        var names: [String]
        var versionOption = "--version"
        var isNeeded = false
        var purpose: String
        var package: String
    }

    private static let programs = [
        Program(names: ["systemd-nspawn"], isNeeded: true, purpose: "boot and run", package: "systemd-container"),
        Program(
            names: ["ip"], versionOption: "-V", isNeeded: true, purpose: "boot and run",
            package: "iproute2 (Debian) or iproute (EL)"),
        Program(names: ["crun"], purpose: "run --engine crun", package: "crun"),
        Program(names: ["nft"], purpose: "--nat and --publish", package: "nftables"),
        Program(names: ["gzip"], isNeeded: true, purpose: "repositories' metadata", package: "gzip"),
        Program(names: ["xz"], purpose: "metadata in .xz", package: "xz-utils (Debian) or xz (EL)"),
        Program(names: ["zstd"], purpose: "metadata and images in .zst", package: "zstd"),
        Program(names: ["lbzip2", "pbzip2", "bzip2"], purpose: "metadata and images in .bz2", package: "bzip2"),
        Program(names: ["openssl"], versionOption: "version", purpose: "--root-password", package: "openssl"),
    ]

    private func program(_ program: Program) -> Finding {
        for name in program.names {
            guard (try? ChildProcess.locate(name)) != nil else { continue }
            return Finding(subject: name, verdict: .good, detail: version(of: name, program.versionOption))
        }
        return Finding(
            subject: program.names.joined(separator: ", "), verdict: program.isNeeded ? .missing : .limited,
            detail: "not installed; needed for \(program.purpose)", remedy: "install the package \(program.package)")
    }

    /// The first line that it prints about itself, on either stream.
    private func version(of name: String, _ option: String) -> String {
        do {
            let output = try runProgram([name, option])
            let lines = (output.text + output.standardError).split(whereSeparator: \.isNewline)
            return lines.first.map { String($0) } ?? "installed"
        } catch {
            return "installed, but it doesn't run: \(error)"
        }
    }
}
