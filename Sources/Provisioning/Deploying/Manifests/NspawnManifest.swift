internal import Containers
internal import Diagnostics
internal import SystemPackage

extension MachineManifest {
    /// A `.nspawn` file and, where there are limits, a drop-in of its unit; see systemd.nspawn(5) and machinectl(1).
    mutating func nspawn() throws -> [File] {
        if !request.addresses.isEmpty {
            note("--address: under machinectl the guest's own network manager configures host0, and networkd the host's end")
        }
        if request.networkNamespace != nil {
            note("--netns: nspawn files have no word for it; NamespacePath= works from systemd 253 only")
        }
        if let timeout = request.timeout, command == nil { note("--timeout \(timeout): set RuntimeMaxSec= in the unit") }
        for port in ports where port.address != nil { note("--publish \(port.words): nspawn listens on every address") }
        var lines = ["[Exec]"]
        if let command {
            lines += ["Boot=no", "ProcessTwo=yes", "Parameters=\(words(command, expands: false))", "NoNewPrivileges=yes"]
        } else {
            lines.append("Boot=yes")
        }
        for (key, value) in environment { lines.append("Environment=\(words(["\(key)=\(value)"], expands: false))") }
        if let user = request.user { lines.append("User=\(user)") }
        if !capabilities.added.isEmpty { lines.append("Capability=\(capabilities.added.sorted().joined(separator: " "))") }
        if !capabilities.dropped.isEmpty {
            lines.append("DropCapability=\(capabilities.dropped.sorted().joined(separator: " "))")
        }
        if request.ephemeral { lines.append("Ephemeral=yes") }
        lines += ["PrivateUsers=no", "", "[Files]"]
        if request.readOnly { lines.append("ReadOnly=yes") }
        for bind in binds {
            lines.append(
                "\(bind.readOnly ? "BindReadOnly" : "Bind")=\(bind.source.string):\(bind.destination)")
        }
        lines += ["", "[Network]"]
        if request.hostNetwork {
            lines += ["Private=no", "VirtualEthernet=no"]
        } else {
            let hasLink = !request.addresses.isEmpty || !ports.isEmpty
            lines += ["Private=yes", "VirtualEthernet=\(hasLink ? "yes" : "no")"]
        }
        for interface in request.interfaces { lines.append("Interface=\(interface)") }
        for port in ports { lines.append("Port=\(port.isUDP ? "udp" : "tcp"):\(port.host):\(port.container)") }
        let limits = request.limits
        var unit: [String] = []
        if let memory = limits.memory { unit += ["MemoryMax=\(memory)", "MemorySwapMax=0"] }
        if let milliCPUs = limits.milliCPUs { unit.append("CPUQuota=\(milliCPUs / 10)%") }
        if let pids = limits.pids { unit.append("TasksMax=\(pids)") }
        if let weight = limits.ioWeight { unit.append("IOWeight=\(weight)") }
        var files = [
            File(
                name: "\(name).nspawn", place: "/etc/systemd/nspawn",
                text: head("\"\(name)\" for systemd-nspawn; its root is imported by: machinectl import-tar \(name).tar \(name)")
                    + lines.joined(separator: "\n") + "\n")
        ]
        if !unit.isEmpty {
            files.append(
                File(
                    name: "limits.conf", place: "/etc/systemd/system/systemd-nspawn@\(name).service.d",
                    text: "[Service]\n" + unit.joined(separator: "\n") + "\n"))
        }
        return files
    }
}
