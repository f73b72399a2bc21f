internal import Containers
internal import SystemPackage

extension MachineManifest {
    /// A Pod, or a Deployment of one; see the Kubernetes API, core/v1 and apps/v1.
    mutating func kube(deployment: Bool) throws -> File {
        let image = try imageName(for: "Kubernetes")
        if !request.addresses.isEmpty { note("--address: Kubernetes gives a pod its address") }
        if let namespace = request.networkNamespace { note("--netns \(namespace): a pod has a network namespace of its own") }
        if let pids = request.limits.pids { note("--pids \(pids): the kubelet limits processes (podPidsLimit)") }
        if let weight = request.limits.ioWeight { note("--io-weight \(weight): Kubernetes has none") }
        if request.ephemeral { note("--ephemeral: a pod's changes are gone with it in any case") }
        if command == nil { note("systemd as init needs a runtime that gives a container cgroups of its own, as podman does") }
        if request.timeout != nil && deployment { note("--timeout: a deployment's pods go on") }
        var user: Int?
        if let name = request.user {
            user = Int(name)
            if user == nil { note("--user \(name): Kubernetes takes a number; give that") }
        }
        let label = MachineManifest.label(name)
        let labels = YAMLValue.map([
            ("app.kubernetes.io/name", .text(label)), ("app.kubernetes.io/managed-by", .text("provision")),
        ])
        let limits = YAMLValue.map([
            ("memory", request.limits.memory.map { .text(String($0)) }),
            ("cpu", request.limits.milliCPUs.map { .text("\($0)m") }),
        ])
        let container = YAMLValue.map([
            ("name", .text(label)), ("image", .text(image)),
            ("command", .list((command ?? ["/sbin/init"]).map { .text($0) })),
            ("env", .list(environment.map { .map([("name", .text($0.0)), ("value", .text($0.1))]) })),
            (
                "ports",
                .list(
                    ports.map { port in
                        .map([
                            ("containerPort", .number(port.container)), ("hostPort", .number(port.host)),
                            ("hostIP", port.address.map { .text($0) }), ("protocol", .text(port.isUDP ? "UDP" : "TCP")),
                        ])
                    })
            ),
            ("resources", .map([("limits", limits)])),
            (
                "securityContext",
                .map([
                    ("readOnlyRootFilesystem", request.readOnly ? .flag(true) : nil),
                    ("allowPrivilegeEscalation", command == nil ? nil : .flag(false)),
                    ("runAsUser", user.map { .number($0) }),
                    (
                        "capabilities",
                        .map([
                            ("add", .list(capabilities.added.sorted().map { .text(MachineManifest.short($0)) })),
                            ("drop", .list(capabilities.dropped.sorted().map { .text(MachineManifest.short($0)) })),
                        ])
                    ),
                ])
            ),
            (
                "volumeMounts",
                .list(
                    binds.enumerated().map { index, bind in
                        .map([
                            ("name", .text("bind-\(index + 1)")), ("mountPath", .text(bind.destination)),
                            ("readOnly", bind.readOnly ? .flag(true) : nil),
                        ])
                    })
            ),
        ])
        let pod = YAMLValue.map([
            ("hostNetwork", request.hostNetwork ? .flag(true) : nil),
            ("restartPolicy", .text(command == nil || deployment ? "Always" : "OnFailure")),
            ("terminationGracePeriodSeconds", .number(command == nil ? 30 : 10)),
            ("activeDeadlineSeconds", deployment ? nil : request.timeout.map { .number($0) }),
            ("containers", .list([container])),
            (
                "volumes",
                .list(
                    binds.enumerated().map { index, bind in
                        .map([("name", .text("bind-\(index + 1)")), ("hostPath", .map([("path", .text(bind.source.string))]))])
                    })
            ),
        ])
        let metadata = YAMLValue.map([("name", .text(label)), ("labels", labels)])
        let selector = YAMLValue.map([("app.kubernetes.io/name", .text(label))])
        let document: YAMLValue =
            deployment
            ? .map([
                ("apiVersion", .text("apps/v1")), ("kind", .text("Deployment")), ("metadata", metadata),
                (
                    "spec",
                    .map([
                        ("replicas", .number(1)), ("selector", .map([("matchLabels", selector)])),
                        ("template", .map([("metadata", .map([("labels", labels)])), ("spec", pod)])),
                    ])
                ),
            ])
            : .map([("apiVersion", .text("v1")), ("kind", .text("Pod")), ("metadata", metadata), ("spec", pod)])
        return File(
            name: "\(label).yaml", place: "for kubectl apply -f, or podman kube play",
            text: head("\"\(name)\" for Kubernetes") + document.document)
    }

    /// A name as Kubernetes takes it (RFC 1123): lower case, hyphens.
    static func label(_ name: String) -> String {
        String(name.lowercased().map { $0 == "_" || $0 == "." ? "-" : $0 }.prefix(63))
    }

    /// Kubernetes and podman name capabilities without `CAP_`.
    static func short(_ capability: String) -> String {
        capability.hasPrefix("CAP_") ? String(capability.dropFirst(4)) : capability
    }
}
