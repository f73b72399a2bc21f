internal import ArgumentParser
internal import Provisioning

struct BootCommand: ProvisionCommand {
    static let configuration = CommandConfiguration(
        commandName: "boot",
        abstract: "Start /sbin/init of a layer, machine or root directory as a container.",
        discussion: """
            Its console is this terminal. What it changes is kept in a machine named
            after the layer, unless --ephemeral. SIGTERM, or Ctrl-C at the login
            prompt, shuts it down cleanly.

            EXAMPLES
              provision boot centos-rootfs
              provision boot vsftpd --address 10.0.0.2/24 --host-address 10.0.0.1/24
              provision boot vsftpd --detach && provision logs -f vsftpd
            """)
    @Argument(help: ArgumentHelp("A layer's or machine's name, or a root directory (with a /).", valueName: "target"))
    var target: String
    @OptionGroup(title: "Container options") var container: ContainerOptions
    @OptionGroup(title: "Global options") var global: GlobalOptions
    static let mountsPrivately = true
    static let ownFailureStatus: Int32? = 125

    func execute(in context: Context) throws -> Int32 {
        try runContainer(try container.request(target, mode: .boot), container, in: context, global: global)
    }
}

struct RunCommand: ProvisionCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Run one command in a layer, machine or root directory as a container, without init.",
        discussion: """
            Standard input, output and error and the exit status are the command's
            own; 125 says that provision itself failed.

            EXAMPLES
              provision run base -- rpm -qa
              provision run vsftpd --address 10.0.0.2/24 --host-address 10.0.0.1/24 -- /usr/sbin/vsftpd
              provision run base --detach --machine job -- /usr/bin/make-it
              provision run ./root --engine crun -- id
              echo hello | provision run base -- tr a-z A-Z
            """)
    @Argument(help: ArgumentHelp("A layer's or machine's name, or a root directory (with a /).", valueName: "target"))
    var target: String
    @Argument(parsing: .postTerminator, help: ArgumentHelp("The command and its arguments, after --.", valueName: "command"))
    var command: [String] = []
    @OptionGroup(title: "Container options") var container: ContainerOptions
    @OptionGroup(title: "Global options") var global: GlobalOptions
    static let mountsPrivately = true
    static let worksForUsers = true
    static let ownFailureStatus: Int32? = 125

    func validate() throws {
        if command.isEmpty { throw ValidationError("name a command after --, as in: provision run \(target) -- ps") }
    }

    func execute(in context: Context) throws -> Int32 {
        try runContainer(try container.request(target, mode: .run(command)), container, in: context, global: global)
    }
}
