internal import Diagnostics
internal import Glibc
internal import System
public import SystemPackage

/// The two processes of an installation, started before it is known what is to be installed and where: their start takes as long as a small
/// application's packages.
///
/// They wait for their orders, and end when this goes. Make it on a thread that lives as long: they die with the thread that started them.
public final class InstallProcesses {
    var installer: ChildProcess
    var verifier: ChildProcess
    let installerEvents: EventPipe
    let verifierEvents: EventPipe
    /// Where packages go in.
    let packages: MessageSocket
    private let installerOrders: MessageSocket
    private let verifierOrders: MessageSocket
    private var isOver = false

    /// - Throws: `.unsupported` without root.
    public init(executable: FilePath = "/proc/self/exe") throws {
        let (ours, verifiersIn) = try MessageSocket.pair()
        let (verifiersOut, installers) = try MessageSocket.pair()
        let (installerOrders, installersOrders) = try MessageSocket.pair()
        let (verifierOrders, verifiersOrders) = try MessageSocket.pair()
        // Our copies of the children's ends go when both have theirs.
        defer { withExtendedLifetime((verifiersIn, verifiersOut, installers, installersOrders, verifiersOrders)) {} }
        (packages, self.installerOrders, self.verifierOrders) = (ours, installerOrders, verifierOrders)
        installerEvents = try EventPipe()
        verifierEvents = try EventPipe()
        installer = try startChild(
            executable, orders: installersOrders, events: installerEvents.pipe, [JobChannel.packages: installers.descriptor],
            environment: Installation.environment, namespaces: Installation.namespaces)
        verifier = try startChild(
            executable, orders: verifiersOrders, events: verifierEvents.pipe,
            [JobChannel.packages: verifiersIn.descriptor, JobChannel.verified: verifiersOut.descriptor],
            environment: Installation.environment, namespaces: [.ipc, .network])
    }

    deinit { end() }

    /// Sends both to work.
    func order(_ job: InstallJob) throws {
        try JobChannel.order(.install(job), of: installerOrders)
        try JobChannel.order(.verify(arch: job.arch), of: verifierOrders)
    }

    /// Both are gone when this returns, and all that scriptlets started with them.
    ///
    /// - Parameter hasFinished: whether the installing process has done its work: it ends by itself then.
    func end(hasFinished: Bool = false) {
        if isOver { return }
        isOver = true
        if !hasFinished { installer.signal(SIGKILL) }
        verifier.signal(SIGKILL)
        _ = installer.wait()
        _ = verifier.wait()
    }
}
