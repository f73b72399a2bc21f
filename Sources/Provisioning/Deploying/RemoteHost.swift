internal import Diagnostics
internal import FoundationEssentials
internal import Glibc
internal import System
internal import SystemPackage

/// The provision of another host, spoken to by ssh over one connection.
final class RemoteHost {
    /// As ssh takes it: `user@host`, `host`, or a name of ssh's configuration.
    let destination: String
    private let ssh: [String]
    private let program: [String]
    private let directory: TemporaryHolder

    /// Connects; ssh may ask for a password on the terminal.
    ///
    /// - Parameters:
    ///   - ssh: the program and its own options.
    ///   - program: what starts provision there, `sudo provision` say.
    /// - Throws: `.unreachable` where ssh can't connect.
    init(_ destination: String, ssh: [String], program: [String]) throws {
        guard !destination.hasPrefix("-"), !destination.isEmpty else {
            throw ProvisionError(.usage, "\"\(destination)\" is no destination", hint: "name it as ssh does: user@host")
        }
        self.destination = destination
        self.program = program
        directory = try TemporaryHolder()
        self.ssh = ssh + ["-o", "ControlPath=\(directory.path.appending("control"))"]
        // In the foreground, so that it may ask; then it stays in the background until we end it.
        var master = try ChildProcess(
            self.ssh + ["-o", "ControlMaster=yes", "-o", "ControlPersist=yes", "-f", "-N", destination])
        guard try master.waitInterruptibly().succeeded else {
            throw ProvisionError(
                .unreachable, "cannot reach \"\(destination)\" by ssh",
                hint: "try it by hand: \(ssh.joined(separator: " ")) \(destination)")
        }
    }

    deinit {
        // What ends the connection can't fail in a way that matters to anybody: the other side sees it closed.
        _ = try? runProgram(ssh + ["-O", "exit", destination])
    }

    /// Runs provision there with --json and decodes its answer; what it warns of goes to `warn`.
    ///
    /// - Throws: the error that it answered with, under its own code; `.unsupported` where there is no provision.
    func ask<Answer: Decodable>(_: Answer.Type, _ words: [String], input: [UInt8] = []) throws -> Answer {
        let output = try runProgram(command(words + ["--json"]), input: input)
        return try answer(output.standardOutput, output.status, output.standardError)
    }

    /// As `ask`, with what `write` writes as provision's standard input.
    func send<Answer: Decodable>(
        _: Answer.Type, _ words: [String], write: (FileDescriptor) throws -> Void
    ) throws -> Answer {
        let input = try OwnedPipe()
        let directory = directory.path
        let (answerFile, errorFile) = (directory.appending("answer"), directory.appending("errors"))
        let descriptors = try [answerFile, errorFile].map {
            FileDescriptor(rawValue: try check(open($0.string, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600), "open", $0))
        }
        defer { for descriptor in descriptors { close(descriptor.rawValue) } }
        var options = ChildProcess.Options()
        options.descriptors = [0: input.reading, 1: descriptors[0], 2: descriptors[1]]
        options.newGroup = true
        var child = try ChildProcess(command(words + ["--json"]), options: options)
        input.closeReading()
        var failure: (any Error)?
        do { try write(input.writing) } catch { failure = error }
        input.closeWriting()
        if let failure, (failure as? ProvisionError)?.code == .interrupted {
            child.terminate(grace: 5000)
            throw failure
        }
        let status = try child.waitInterruptibly()
        let said = String(decoding: try Files.read(errorFile), as: UTF8.self)
        // A receiver that refuses stops reading, and the sender fails for it: the receiver's reason is the one that counts.
        if status.succeeded, let failure { throw failure }
        return try answer(try Files.read(answerFile), status, said)
    }

    private func command(_ words: [String]) -> [String] {
        ssh + [destination, (program + words).map(RemoteHost.quoted).joined(separator: " ")]
    }

    private func answer<Answer: Decodable>(
        _ bytes: [UInt8], _ status: ChildProcess.Status, _ said: String
    ) throws -> Answer {
        let decoder = JSONDecoder()
        if status.succeeded {
            do { return try decoder.decode(Answer.self, from: Data(bytes)) } catch {
                throw ProvisionError(
                    .failed, "provision on \"\(destination)\" answered with something else than was asked for",
                    hint: "both hosts need versions of provision that know each other", causes: ["\(error)"])
            }
        }
        if let document = try? decoder.decode(RemoteError.self, from: Data(bytes)),
            let code = ProvisionError.Code(rawValue: document.error.code)
        {
            throw ProvisionError(
                code, "on \"\(destination)\": \(document.error.message)", hint: document.error.hint,
                causes: document.error.causes)
        }
        let lines = said.split(separator: "\n").suffix(3).map(String.init)
        switch status.shellStatus {
        case 127:
            throw ProvisionError(
                .unsupported, "there is no \"\(program.joined(separator: " "))\" on \"\(destination)\"",
                hint: "install provision there, or say how it is called with --remote", causes: lines)
        case 255:
            throw ProvisionError(.unreachable, "the connection to \"\(destination)\" broke", causes: lines)
        default:
            throw ProvisionError(
                .failed, "provision on \"\(destination)\" ended with status \(status.shellStatus)", causes: lines)
        }
    }

    private struct RemoteError: Decodable {
        struct Body: Decodable {
            var code: String
            var message: String
            var hint: String?
            var causes: [String]
        }
        var error: Body
    }

    /// For the shell on the other side.
    static func quoted(_ word: String) -> String {
        let plain =
            !word.isEmpty
            && word.utf8.allSatisfy { byte in
                switch byte {
                case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, 0x2d, 0x2e, 0x2f, 0x3a, 0x3d, 0x40, 0x5f, 0x2c, 0x2b: true
                default: false
                }
            }
        return plain ? word : "'" + word.replacing("'", with: "'\\''") + "'"
    }
}

/// A temporary directory that a class can hold.
private final class TemporaryHolder {
    private let directory: TemporaryDirectory
    var path: FilePath { directory.path }

    init() throws(ProvisionError) { directory = try TemporaryDirectory(prefix: "provision-ssh") }
}
