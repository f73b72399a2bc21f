import Diagnostics
import FoundationEssentials
import System
import SystemPackage
import Testing

extension ContainerTests {
    @Suite struct DoctorTests {
        private struct Report: Decodable {
            struct Finding: Decodable { var subject: String, verdict: String, detail: String, remedy: String? }
            var findings: [Finding]
        }

        private func doctor(state: FilePath) throws -> (status: ChildProcess.Status, findings: [Report.Finding]) {
            let output = try runProgram([Program.path.string, "doctor", "--json", "--state", state.string])
            let report = try JSONDecoder().decode(Report.self, from: Data(output.standardOutput))
            return (output.status, report.findings)
        }

        @Test("a host on which these tests run lacks nothing; looking leaves no trace") func healthy() throws {
            let directory = try TemporaryDirectory()
            let state = directory.path.appending("state")
            let before = try HostTraces.now(of: state)
            let (status, findings) = try doctor(state: state)
            #expect(findings.filter { $0.verdict == "missing" }.map(\.subject) == [] && status == .exited(0))
            let details = Dictionary(uniqueKeysWithValues: findings.map { ($0.subject, $0.detail) })
            #expect(details["librpm"]?.contains("sqlite") == true)
            #expect(details["systemd-nspawn"]?.hasPrefix("systemd 2") == true)
            #expect(details["cgroups"]?.contains("memory") == true)
            #expect(try Files.names(in: directory.path).isEmpty)
            #expect(try HostTraces.settled(like: before, of: state) == before)
        }

        @Test("a host with few inotify instances left is told so, with how to allow more") func inotify() throws {
            let directory = try TemporaryDirectory()
            let findings = try withInotifyLimit(25) { try doctor(state: directory.path.appending("state")).findings }
            let finding = try #require(findings.first { $0.subject == "inotify instances" })
            #expect(finding.verdict == "limited" && finding.remedy?.contains("fs.inotify.max_user_instances") == true)
            #expect(finding.detail.contains(#/^[012] more systems can boot$/#))
        }

        @Test("a state whose file system can't hold layers is named, with a remedy, and the status is 1") func noOverlay()
            throws
        {
            let (status, findings) = try doctor(state: "/proc/provision")
            let missing = findings.filter { $0.verdict == "missing" }
            #expect(status == .exited(1) && missing.map(\.subject) == ["overlayfs on the state's file system"])
            #expect(missing.allSatisfy { $0.remedy != nil })
        }
    }
}
