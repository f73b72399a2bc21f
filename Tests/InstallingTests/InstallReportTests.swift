import Diagnostics
import Model
import Synchronization
import Testing

@testable import Installing

@Suite("What the parent makes of events")
struct InstallReportTests {
    private let post = InstallEvent.Scriptlet(name: "%post", package: "bash-1-1.x86_64")

    private func report(_ events: [InstallEvent]) -> InstallReport {
        var report = InstallReport(progress: SilentProgress(), packages: 2)
        events.forEach { report.handle($0) }
        return report
    }

    private func failure(_ report: InstallReport) -> ProvisionError? {
        if case .failure(let error) = report.result { error } else { nil }
    }

    @Test("phases begin with their first event and end with the next one's")
    func phases() {
        let progress = Recorder()
        var report = InstallReport(progress: progress, packages: 1)
        report.handle(.verified(package: "a", completed: 1))
        report.handle(.installing(package: "a", completed: 0))
        report.handle(.finished(InstallOutcome(installed: [], installedBytes: 0, warnings: [])))
        #expect(
            progress.events.withLock { $0 } == [
                .began(.verify, total: 1), .advanced(.verify, completed: 1, item: "a"),
                .ended(.verify, note: "sizes, digests and signatures of 1 package"),
                .began(.install, total: 1), .advanced(.install, completed: 0, item: "a"),
                .advanced(.install, completed: 1, item: nil), .ended(.install, note: "0 packages"),
            ])
    }

    @Test("a child that dies is reported with what it was at")
    func death() {
        var report = report([.installing(package: "bash-1-1.x86_64", completed: 0), .scriptletStarted(post)])
        report.childEnded(how: "signal 9")
        #expect(failure(report)?.message == "the install process ended (signal 9) at %post of bash-1-1.x86_64")
    }

    @Test("the child's last word counts, not how it ended")
    func lastWord() {
        var report = report([.failed(.init(ProvisionError(.verification, "no")))])
        report.childEnded(how: "status 1")
        #expect(failure(report) == ProvisionError(.verification, "no"))
    }

    @Test("a warning of rpm's belongs to the scriptlet that it came with")
    func warnings() {
        let outcome = InstallOutcome(installed: [], installedBytes: 0, warnings: ["w"])
        let report = report([
            .installing(package: "bash", completed: 0), .log(level: 4, text: "no such group"),
            .log(level: 4, text: "no such group"), .scriptletStarted(post), .log(level: 4, text: "exit status 1"),
            .scriptletEnded(post, failed: true, fatal: false, output: "one\ntwo\n", refused: []), .finished(outcome),
        ])
        guard case .success(.installed(let result)) = report.result else {
            Issue.record("not a success")
            return
        }
        #expect(
            result.warnings == [
                "bash: no such group", "the %post scriptlet of package \"bash-1-1.x86_64\" failed: exit status 1; one; two",
                "w",
            ])
    }

    @Test("a fatal scriptlet is an error with the last five lines that it printed")
    func fatal() {
        let report = report([
            .scriptletStarted(post),
            .scriptletEnded(post, failed: true, fatal: true, output: "1\n2\n3\n4\n5\n6\n", refused: []),
        ])
        #expect(failure(report)?.causes == ["2", "3", "4", "5", "6"])
    }

    private final class Recorder: ProgressSink {
        let events: Mutex<[ProgressEvent]> = Mutex([])
        func report(_ event: ProgressEvent) { events.withLock { $0.append(event) } }
    }
}
