import System
import SystemPackage
import Testing

extension EndToEnd {
    /// What every command promises before it does anything.
    @Suite struct CommandLineTests {
        private static let commands = [
            "base", "app", "minimal", "plan base", "plan app", "lock base", "lock app", "boot", "run", "stop", "list", "logs",
            "show", "tree", "files", "diff", "verify", "mount", "umount", "pack", "unpack", "push", "pull", "sbom",
            "provenance",
            "deploy", "activate", "rollback", "services", "manifest", "exec", "cp", "commit", "modules", "repos", "groups",
            "search", "info",
            "rm", "gc", "release", "yumconf", "doctor",
        ]

        private func run(_ words: String...) throws -> ProgramOutput { try runProgram([Program.path.string] + words) }

        @Test("every command's help fits 80 columns, says what it does and has an example", arguments: commands)
        func help(command: String) throws {
            let words = command.split(separator: " ").map(String.init)
            let output = try runProgram([Program.path.string] + words + ["--help"])
            #expect(output.status == .exited(0) && output.standardError == "")
            let lines = output.text.split(separator: "\n", omittingEmptySubsequences: false)
            #expect(lines.filter { $0.count > 80 } == [])
            #expect(lines.first?.hasPrefix("OVERVIEW: ") == true)
            let examples = lines.drop { $0 != "EXAMPLES" }.dropFirst().prefix { $0.hasPrefix("  ") }
            #expect(examples.contains { $0.contains("provision \(words[0])") })
        }

        @Test("the program's own help lists every command, and its version is one line")
        func overview() throws {
            let help = try run("--help")
            #expect(help.status == .exited(0))
            #expect(help.text.split(separator: "\n").allSatisfy { $0.count <= 80 })
            for command in Self.commands.map({ $0.prefix { $0 != " " } }) {
                #expect(
                    help.text.split(separator: "\n").contains {
                        $0.hasPrefix("  \(command) ") || $0.hasPrefix("  \(command), ")
                    })
            }
            let version = try run("--version")
            #expect(version.status == .exited(0) && version.text.wholeMatch(of: #/\d+\.\d+\.\d+\n/#) != nil)
        }

        @Test(
            "an unknown option or command is wrong usage: 2, with the usage on standard error",
            arguments: [
                ["base", "--frobnicate"], ["frobnicate"], ["pack", "base"], ["run", "base"], ["base", "--progress", "loud"],
            ])
        func wrongUsage(words: [String]) throws {
            let output = try runProgram([Program.path.string] + words)
            #expect(output.status == .exited(2) && output.text == "")
            #expect(output.standardError.hasPrefix("error: ") && output.standardError.contains("Usage: provision"))
        }

        @Test("wrong usage under --json is a document too")
        func wrongUsageAsJSON() throws {
            let program = Program(in: World.directory.appending("usage"))
            let failure = try program.failure(["base", "--frobnicate"])
            #expect(failure.status == 2 && failure.error.code == "usage" && failure.error.message.contains("--frobnicate"))
        }

        @Test("progress as JSON is one object a line on standard error, and the answer alone on standard output")
        func progress() throws {
            let (program, core) = try World.core.get()
            let output = try program.run("plan", "base", "x", "--group", "core", "--progress", "json")
            let lines = output.standardError.split(separator: "\n")
            #expect(lines.allSatisfy { $0.hasPrefix("{") && $0.hasSuffix("}") })
            #expect(lines.contains { $0.contains("\"phase\":\"resolve\"") && $0.contains("\"ended\"") })
            #expect(output.text.contains("\(core.packages.count) packages: "))
        }
    }
}
