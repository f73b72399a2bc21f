internal import ArgumentParser
internal import Diagnostics
internal import Provisioning
internal import System
internal import SystemPackage

/// The forms of a manifest, as they are typed.
private enum ManifestForm: String, ExpressibleByArgument, CaseIterable {
    case kube, quadlet, nspawn

    var form: MachineManifest.Form {
        switch self {
        case .kube: .kube
        case .quadlet: .quadlet
        case .nspawn: .nspawn
        }
    }
}

struct ManifestCommand: ProvisionCommand {
    static let configuration = CommandConfiguration(
        commandName: "manifest",
        abstract: "Write how a machine is started for Kubernetes, podman or machinectl.",
        usage: "provision manifest <form> <target> [<options>] [-- <command>]",
        discussion: """
            The options are those of boot, or with a command those of run. What the
            other tool has no words for is told, and stands as a comment in the file.

            EXAMPLES
              provision push ftp registry.example.org/ftp:1
              provision manifest kube ftp --image registry.example.org/ftp:1 \\
                --memory 256M -- /usr/sbin/vsftpd /etc/vsftpd.conf -obackground=NO
              provision manifest quadlet ftp --image registry.example.org/ftp:1 \\
                --directory /etc/containers/systemd
              provision manifest nspawn centos-rootfs --memory 1G --cpus 2
            """)
    @Argument(help: "kube: a Pod or Deployment; quadlet: a unit for podman; nspawn: a .nspawn file and its unit's limits.")
    fileprivate var form: ManifestForm
    @Argument(help: ArgumentHelp("A layer's or machine's name.", valueName: "target")) var target: String
    @Argument(parsing: .postTerminator, help: ArgumentHelp("The command and its arguments, after --.", valueName: "command"))
    var command: [String] = []
    @Option(help: ArgumentHelp("What was pushed: registry/name:tag.", valueName: "image")) var image: String?
    @Flag(help: "With kube: a Deployment instead of a Pod.") var deployment = false
    @Option(
        help: ArgumentHelp("Write the files there instead of printing them.", valueName: "dir"), completion: .directory)
    var directory: String?
    @OptionGroup(title: "Container options") var container: ContainerOptions
    @OptionGroup(title: "Global options") var global: GlobalOptions

    func execute(in context: Context) throws -> Int32 {
        let request = try container.request(target, mode: command.isEmpty ? .boot : .run(command))
        var manifest = try MachineManifest(request, image: image)
        let (files, notes) = try manifest.files(form.form, deployment: deployment)
        for note in notes { context.progress.warn("not carried over: \(note)") }
        if let directory {
            let place = Files.absolute(FilePath(directory))
            try Files.makeDirectory(place)
            for file in files { try Files.write(file.text, to: place.appending(file.name)) }
        }
        if global.json {
            printJSON(files.map { ["name": $0.name, "place": $0.place, "text": $0.text] })
        } else if let directory {
            for file in files { print("\(directory)/\(file.name)  (\(file.place))") }
        } else {
            for file in files {
                if files.count > 1 { print("# \(file.place)/\(file.name)") }
                print(file.text)
            }
        }
        return 0
    }
}
