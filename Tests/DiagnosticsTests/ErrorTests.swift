import Diagnostics
import Testing

@Test(
    "each error code ends with the exit status that the command line promises",
    arguments: [
        (ProvisionError.Code.failed, Int32(1)), (.notFound, 1), (.conflict, 1), (.unsupported, 1), (.usage, 2),
        (.configuration, 2),
        (.unsatisfiable, 3), (.verification, 4), (.unreachable, 5),
    ])
func exitStatus(code: ProvisionError.Code, status: Int32) {
    #expect(ProvisionError(code, "x").exitStatus == status)
}

@Test("an interrupted run ends with 128 plus the signal")
func interruptedStatus() {
    #expect(ProvisionError(.interrupted, "x", signal: 15).exitStatus == 143)
}

@Test(
    "the nearest candidate is suggested, and nothing when none is near",
    arguments: [
        ("gpgchek", "gpgcheck"), ("basurl", "baseurl"), ("enabeld", "enabled"), ("GPGCHECK", "gpgcheck"), ("zzzzzz", nil),
    ])
func suggestions(word: String, expected: String?) {
    #expect(nearest(to: word, in: ["gpgcheck", "baseurl", "enabled", "name"]) == expected)
}

@Test("a phase that throws is ended without a note, so that its line doesn't stay on the screen")
func throwingPhase() {
    final class Recorder: ProgressSink, @unchecked Sendable {
        var events: [ProgressEvent] = []
        func report(_ event: ProgressEvent) { events.append(event) }
    }
    let recorder = Recorder()
    #expect(throws: ProvisionError.self) {
        try recorder.phase(.install, total: 3) { () throws -> (Int, note: String?) in throw ProvisionError(.failed, "no") }
    }
    #expect(recorder.events == [.began(.install, total: 3), .ended(.install, note: nil)])
}
