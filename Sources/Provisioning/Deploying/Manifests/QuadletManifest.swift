internal import Containers
internal import SystemPackage

extension MachineManifest {
    /// A `.container` file; see podman-systemd.unit(5), podman 4.4 or newer.
    mutating func quadlet() throws -> File {
        let image = try imageName(for: "podman")
        if !request.addresses.isEmpty { note("--address: give the container one in a podman network (Network=, IP=)") }
        if request.ephemeral { note("--ephemeral: the unit's container is made anew at each start in any case") }
        if let weight = request.limits.ioWeight, weight > 1000 { note("--io-weight \(weight): podman takes at most 1000") }
        var lines = [
            "[Unit]", "Description=\(name), from \(image)", "", "[Container]", "ContainerName=\(name)",
            "Image=\(unitText(image))",
            "Exec=\(words(command ?? ["/sbin/init"]))",
        ]
        if command == nil { lines.append("PodmanArgs=--systemd=always") }
        if request.hostNetwork { lines.append("Network=host") }
        if let namespace = request.networkNamespace { lines.append("Network=ns:/run/netns/\(namespace)") }
        if !request.hostNetwork, request.networkNamespace == nil, ports.isEmpty, request.addresses.isEmpty {
            lines.append("Network=none")
        }
        for port in ports { lines.append("PublishPort=\(port.words)") }
        for (key, value) in environment { lines.append("Environment=\(words(["\(key)=\(value)"]))") }
        for bind in binds {
            lines.append("Volume=\(unitText(bind.source.string)):\(unitText(bind.destination))\(bind.readOnly ? ":ro" : "")")
        }
        if let user = request.user { lines.append("User=\(unitText(user))") }
        for name in capabilities.added.sorted() { lines.append("AddCapability=\(name)") }
        for name in capabilities.dropped.sorted() { lines.append("DropCapability=\(name)") }
        if request.readOnly { lines.append("ReadOnly=true") }
        if command != nil { lines.append("NoNewPrivileges=true") }
        let limits = request.limits
        if let memory = limits.memory { lines.append("PodmanArgs=--memory=\(memory)b --memory-swap=\(memory)b") }
        if let milliCPUs = limits.milliCPUs { lines.append("PodmanArgs=--cpus=\(Double(milliCPUs) / 1000)") }
        if let pids = limits.pids { lines.append("PodmanArgs=--pids-limit=\(pids)") }
        if let weight = limits.ioWeight, weight <= 1000 { lines.append("PodmanArgs=--blkio-weight=\(max(weight, 10))") }
        lines += ["", "[Service]", "Restart=on-failure"]
        if let timeout = request.timeout { lines.append("RuntimeMaxSec=\(timeout)") }
        lines += ["TimeoutStopSec=\(command == nil ? 40 : 20)", "", "[Install]", "WantedBy=multi-user.target"]
        return File(
            name: "\(name).container", place: "/etc/containers/systemd",
            text: head("\"\(name)\" for podman under systemd") + lines.joined(separator: "\n") + "\n")
    }

    /// `%` begins a specifier in unit files.
    func unitText(_ text: String) -> String { text.replacing("%", with: "%%") }

    /// Words as systemd takes them apart (systemd.syntax(7), "Quoting").
    ///
    /// - Parameter expands: whether specifiers and variables are expanded there, as in unit files (systemd.service(5)).
    func words(_ words: [String], expands: Bool = true) -> String {
        words.map { word in
            let isPlain =
                !word.isEmpty && word.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "-_./:=,@+".contains($0)) }
            if isPlain { return word }
            let escaped = word.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing("\n", with: "\\n")
            return "\"\(expands ? unitText(escaped).replacing("$", with: "$$") : escaped)\""
        }.joined(separator: " ")
    }
}
