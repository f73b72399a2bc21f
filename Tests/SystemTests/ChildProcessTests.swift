import Diagnostics
import Glibc
import System
import SystemPackage
import Testing

@Test("a program's output, error output and status are told apart")
func outputs() throws {
    let output = try runProgram(["sh", "-c", "echo out; echo err >&2; exit 3"])
    #expect(output.text == "out\n")
    #expect(output.standardError == "err\n")
    #expect(output.status == .exited(3))
}

@Test("input larger than a pipe holds reaches the program whole")
func largeInput() throws {
    let input = [UInt8](repeating: 65, count: 1 << 20)
    #expect(try runProgram(["cat"], input: input).standardOutput == input)
}

@Test("a program that isn't installed is named with the package that holds it")
func missingProgram() throws {
    #expect {
        try runProgram(["no-such-program"])
    } throws: { error in
        let error = error as? ProvisionError
        return error?.code == .unsupported && error?.message.contains("no-such-program") == true && error?.hint != nil
    }
}

@Test("a program is found on PATH, in its order, and in the sbin directories that PATH may lack")
func locatedProgram() throws {
    let directory = try TemporaryDirectory()
    for name in ["first/tool", "second/tool", "second/sh"] {
        let file = directory.path.appending(name)
        try Files.makeDirectory(file.removingLastComponent())
        try Files.write("", to: file, mode: 0o755)
    }
    let path = "\(directory.path)/first:\(directory.path)/second"
    #expect(try ChildProcess.locate("tool", path: path) == "\(directory.path)/first/tool")
    #expect(try ChildProcess.locate("sh", path: path) == "\(directory.path)/second/sh")
    #expect(try ChildProcess.locate("ldconfig", path: path) == "/usr/sbin/ldconfig")
}

@Test("a child has no descriptors but those it was given")
func closedDescriptors() throws {
    let pipe = try OwnedPipe()
    _ = fcntl(pipe.reading.rawValue, F_SETFD, 0)
    let output = try runProgram(["sh", "-c", "ls /proc/$$/fd"])
    #expect(output.text == "0\n1\n2\n")
}

@Test("a child ended by a signal has the shell's status")
func signalled() throws {
    var child = try ChildProcess(["sleep", "60"])
    child.signal(SIGTERM)
    #expect(child.wait() == .signalled(SIGTERM))
    #expect(child.wait()?.shellStatus == 128 + SIGTERM)
}

@Test("a child whose value goes is killed and waited for")
func abandonedChild() throws {
    let pid = try startAndForget()
    #expect(kill(pid, 0) == -1)
}

private func startAndForget() throws -> Int32 {
    let child = try ChildProcess(["sleep", "60"])
    return child.pid
}

@Test("more output than allowed is an error, not memory")
func outputLimit() {
    #expect(throws: ProvisionError.self) { try runProgram(["yes"], limit: 1 << 16) }
}
