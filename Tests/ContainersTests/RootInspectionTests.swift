import Diagnostics
import System
import SystemPackage
import Testing

@testable import Containers

@Suite struct RootInspectionTests {
    private func inspect(_ files: [String], links: [String: String] = [:]) throws -> (RootInspection, FilePath) {
        let directory = try TemporaryDirectory()
        let root = try RootedDirectory(directory.path)
        for file in files { try root.write(file, []) }
        for (path, target) in links { try root.makeLink(path, to: target) }
        return (try RootInspection(directory.path), directory.path)
    }

    @Test("a directory without os-release is refused with what to do") func release() throws {
        let (inspection, _) = try inspect(["/bin/x"])
        let specification = ContainerSpecification(
            machine: try MachineName("m"), root: .directory("/r"), mode: .run(["x"]), storage: .kept)
        let error = #expect(throws: ProvisionError.self) { try inspection.check(specification) }
        #expect(error?.hint?.contains("os-release") == true)
    }

    @Test("a root without init points at run") func noInit() throws {
        let (inspection, _) = try inspect(["/etc/os-release"])
        let specification = ContainerSpecification(
            machine: try MachineName("m"), root: .directory("/r"), mode: .boot, storage: .kept)
        let error = #expect(throws: ProvisionError.self) { try inspection.check(specification) }
        #expect(error?.hint?.contains("provision run") == true)
    }

    @Test("init is told by where its link leads, systemd's version by its library") func kinds() throws {
        let (systemd, _) = try inspect(
            ["/etc/os-release", "/usr/lib/systemd/systemd", "/usr/lib/systemd/libsystemd-shared-252-14.el9.so"],
            links: ["/sbin/init": "/usr/lib/systemd/systemd"])
        #expect(systemd.initialization == .init(kind: .systemd, systemdVersion: 252))
        let (busybox, _) = try inspect(["/etc/os-release", "/bin/busybox"], links: ["/sbin/init": "/bin/busybox"])
        #expect(busybox.initialization == .init(kind: .busybox))
    }

    @Test("EL7's systemd has no version in a name: no boot on a host with cgroup v2 only, elsewhere fine") func old() throws {
        let (old, _) = try inspect(["/etc/os-release", "/usr/lib/systemd/systemd"])
        #expect(old.bootWarning(cgroups: .unified)?.text.contains("older than 231") == true)
        #expect(old.bootWarning(cgroups: .hybrid) == nil)
    }

    @Test("a systemd that has given up cgroup v1 is warned of on a v1 host") func new() throws {
        let (new, _) = try inspect(["/etc/os-release", "/usr/lib/systemd/systemd", "/usr/lib/systemd/libsystemd-shared-257.so"])
        #expect(new.bootWarning(cgroups: .legacy)?.text.contains("257") == true)
        #expect(new.bootWarning(cgroups: .unified) == nil)
        #expect(new.bootWarning(cgroups: .hybrid) == nil)
    }

    @Test("a link in the root that leads out of it is not followed to the host") func hostile() throws {
        let (inspection, _) = try inspect(["/etc/passwd"], links: ["/etc/os-release": "/../../../../../../etc/os-release-none"])
        #expect(!inspection.hasRelease)
    }

    @Test("a root is mounted so that only kept machines and directories in use are changed") func plans() throws {
        func plan(
            _ root: ContainerSpecification.Root, _ storage: ContainerSpecification.Storage, readOnly: Bool = false
        ) throws -> MachineRoot.Plan {
            var specification = ContainerSpecification(
                machine: try MachineName("m"), root: root, mode: .boot, storage: storage)
            specification.readOnly = readOnly
            return MachineRoot.plan(specification, machine: "/m", scratch: "/m/mnt")
        }
        let discarded = { (lower: [FilePath]) in
            MachineRoot.Plan.overlay(lower: lower, upper: "/m/mnt/upper", work: "/m/mnt/work")
        }
        #expect(try plan(.layers(["/a", "/b"]), .kept) == .overlay(lower: ["/a", "/b"], upper: "/m/upper", work: "/m/work"))
        #expect(try plan(.layers(["/a", "/b"]), .ephemeral) == discarded(["/a", "/b"]))
        #expect(try plan(.layers(["/a"]), .kept, readOnly: true) == discarded(["/m/upper", "/a"]))
        #expect(try plan(.directory("/d"), .kept) == .bind("/d"))
        #expect(try plan(.directory("/d"), .ephemeral) == discarded(["/d"]))
        #expect(try plan(.directory("/d"), .kept, readOnly: true) == discarded(["/d"]))
    }
}
