public import Diagnostics
internal import System
internal import SystemPackage

/// What a host can do for containers beside running them, tried where nothing of the host's is touched.
public enum HostProbes {
    /// Makes a veth pair and a bridge in a network namespace that is gone afterwards.
    ///
    /// - Throws: `.unsupported` or `.failed` with the kernel's reason.
    public static func links() throws -> String {
        let namespace = try NetworkNamespace.make()
        try NetworkPlan.execute(
            [
                "link add name bridge0 type bridge", "link add name veth0 type veth peer name veth1",
                "link set dev veth0 master bridge0",
            ], in: namespace.descriptor)
        return "veth pairs and bridges can be made"
    }

    /// Makes the rules of NAT and of published ports, FTP's among them, in such a namespace.
    public static func rules() throws -> String {
        let namespace = try NetworkNamespace.make()
        var settings = NetworkSettings()
        settings.nat = true
        settings.publications = [try Publication("2121:21"), try Publication("53:53/udp")]
        let table = FirewallTable(
            machine: MachineName(derivedFrom: "doctor"), interface: "vp-doctor",
            guest: [try InterfaceAddress("10.0.0.2/24"), try InterfaceAddress("fd00::2/64")], settings: settings)
        var said = ""
        for attempt in table.attempts {
            let output = try runProgram(
                ["nft", "-f", "-"], input: Array(attempt.commands.map { $0 + "\n" }.joined().utf8),
                networkNamespace: namespace.descriptor)
            guard output.status.succeeded else {
                if said.isEmpty { said = output.standardError }
                continue
            }
            return "rules for NAT and published ports can be made"
                + (attempt.followsFTP ? ", FTP's too" : "; FTP's data ports are not followed (no nf_nat_ftp)")
                + (attempt.hasOwner ? "" : "; they outlive a killed provision until gc (Linux before 5.12)")
        }
        let reason = said.split(separator: "\n").first { $0.contains("Error") }.map(String.init)
        throw ProvisionError(
            .failed, "the kernel refuses the rules of NAT and published ports" + (reason.map { ": \($0)" } ?? ""),
            hint: "load its modules: modprobe -a nf_tables nft_chain_nat nft_fib_inet nft_masq")
    }

    /// The limits that are enforceable here, and what is against the others.
    public static func limits() throws(ProvisionError) -> (enforceable: [String], refused: [ProvisionError]) {
        let hierarchies = try CgroupHierarchies.current()
        var memory = ResourceLimits()
        memory.memory = 64 << 20
        var cpus = ResourceLimits()
        cpus.milliCPUs = 1000
        var pids = ResourceLimits()
        pids.pids = 64
        var weight = ResourceLimits()
        weight.ioWeight = 200
        var enforceable: [String] = []
        var refused: [ProvisionError] = []
        for (option, limits) in [("--memory", memory), ("--cpus", cpus), ("--pids", pids), ("--io-weight", weight)] {
            do throws(ProvisionError) {
                _ = try CgroupLimits.current(limits, in: hierarchies)
                enforceable.append(option)
            } catch {
                refused.append(error)
            }
        }
        return (enforceable, refused)
    }
}
