internal import Containers
internal import Diagnostics
internal import FoundationEssentials
internal import Glibc
internal import Provisioning
internal import System
internal import SystemPackage

/// What the process that runs a detached container tells the one that the person called: one JSON document on descriptor 3.
private struct SupervisorReport: Codable {
    /// The machine's name; nil where it didn't come up.
    var machine: String?
    var code: String?
    var message: String?
    var hint: String?
    var causes: [String]?
}

private let reportDescriptor: Int32 = 3

/// Starts the same command once more as a supervisor in a session of its own, and waits until its machine is up.
///
/// - Throws: as `startDetached(_:)`.
func startDetached(global: GlobalOptions) throws -> Int32 {
    let words = CommandLine.arguments.dropFirst()
    let end = words.firstIndex(of: "--") ?? words.endIndex
    let machine = try startDetached(words[..<end].map { $0 == "--detach" ? "--supervise" : $0 } + words[end...])
    if global.json { printJSON(["machine": machine]) } else { print(machine) }
    return 0
}

/// Starts the program with `words`, a `boot` or `run` with --supervise, in a session of its own; the machine's name, once it is up.
///
/// The supervisor outlives this process; the container dies with the supervisor.
///
/// - Throws: the error that kept the machine from coming up; `.interrupted`, after the supervisor has ended.
func startDetached(_ words: [String]) throws -> String {
    let pipe = try OwnedPipe()
    let null = FileDescriptor(rawValue: try check(open("/dev/null", O_RDWR | O_CLOEXEC), "open", "/dev/null"))
    defer { close(null.rawValue) }
    var settings = ChildProcess.Options()
    settings.descriptors = [0: null, 1: null, reportDescriptor: pipe.writing]
    settings.newSession = true
    settings.diesWithUs = false
    var supervisor = try ChildProcess(
        [try Files.canonical("/proc/self/exe").string] + words, options: settings)
    pipe.closeWriting()
    let report = try waitForReport(pipe, from: &supervisor)
    if let machine = report?.machine {
        supervisor.release()
        return machine
    }
    let status = supervisor.wait() ?? .exited(1)
    guard let report, let message = report.message, let code = report.code.flatMap(ProvisionError.Code.init) else {
        throw ProvisionError(.failed, "the process that was to run the container ended with status \(status.shellStatus)")
    }
    throw ProvisionError(code, message, hint: report.hint, causes: report.causes ?? [])
}

/// nil where it ended without one.
private func waitForReport(_ pipe: OwnedPipe, from supervisor: inout ChildProcess) throws -> SupervisorReport? {
    var bytes: [UInt8] = []
    while true {
        do { try Interruption.check() } catch {
            // Longer than any machine's own grace.
            supervisor.terminate(grace: 60_000)
            throw error
        }
        var polled = pollfd(fd: pipe.reading.rawValue, events: Int16(POLLIN), revents: 0)
        guard poll(&polled, 1, 200) > 0 else { continue }
        var buffer = [UInt8](repeating: 0, count: 4096)
        let count = read(pipe.reading.rawValue, &buffer, buffer.count)
        if count < 0, errno == EINTR { continue }
        guard try check(count, "read", "the supervisor's report") > 0 else { break }
        bytes += buffer[..<count]
    }
    return bytes.isEmpty ? nil : try JSONDecoder().decode(SupervisorReport.self, from: Data(bytes))
}

/// The supervisor's part: runs the container to its end and reports once when it is up, or why it didn't come up.
func superviseContainer(_ request: ContainerRequest, in context: Context) -> Int32 {
    var channel: Reporter? = Reporter()
    var request = request
    request.isDetached = true
    do {
        let runner = ContainerRunner(context: context)
        let name = try runner.machineName(of: request)
        let boots = request.mode == .boot
        let outcome = try runner.run(request) { event in
            switch event {
            case .started where !boots, .loginPrompt, .systemUp:
                channel?.send(SupervisorReport(machine: name))
                channel = nil
            default: break
            }
        }
        channel?.send(
            SupervisorReport(
                code: ProvisionError.Code.failed.rawValue,
                message: "the machine \"\(name)\" ended with status \(outcome.status) before it was up",
                hint: boots && !request.ephemeral
                    ? "see its console: provision logs \(name)" : "start it without --detach to see its console"))
        return outcome.status
    } catch {
        let known = error as? ProvisionError ?? ProvisionError(.failed, "\(error)")
        channel?.send(
            SupervisorReport(code: known.code.rawValue, message: known.message, hint: known.hint, causes: known.causes))
        return known.exitStatus
    }
}

/// The end of the pipe to the caller. When it goes, so does the caller's standard error, which was ours until then, and its
/// working directory.
private final class Reporter {
    func send(_ report: SupervisorReport) {
        // The caller may have been killed meanwhile; the machine goes on without anybody to tell.
        if let bytes = try? JSONEncoder().encode(report) {
            _ = Array(bytes).withUnsafeBytes { write(reportDescriptor, $0.baseAddress, $0.count) }
        }
    }

    deinit {
        // Standard input is /dev/null since the start.
        _ = dup2(0, 2)
        _ = chdir("/")
        close(reportDescriptor)
    }
}
