internal import Diagnostics
internal import Synchronization

/// Passes progress on and remembers what an answer tells afterwards: how long each phase took, and every warning.
final class PhaseClock: ProgressSink {
    private struct State {
        var began: [ProgressEvent.Phase: ContinuousClock.Instant] = [:]
        var seconds: [String: Double] = [:]
        var warnings: [String] = []
    }

    private let next: any ProgressSink
    private let start = ContinuousClock.now
    private let state = Mutex(State())

    init(_ next: any ProgressSink) { self.next = next }

    func report(_ event: ProgressEvent) {
        state.withLock { state in
            switch event {
            case .began(let phase, _): state.began[phase] = .now
            case .ended(let phase, _):
                guard let began = state.began.removeValue(forKey: phase) else { return }
                let spent = (ContinuousClock.now - began) / .milliseconds(1)
                state.seconds[phase.rawValue, default: 0] += spent.rounded() / 1000
            case .warning(let text, _): state.warnings.append(text)
            case .advanced, .detail: break
            }
        }
        next.report(event)
    }

    /// Seconds by phase, to the millisecond.
    var seconds: [String: Double] { state.withLock { $0.seconds } }
    /// Seconds since the clock was made, to the millisecond.
    var elapsed: Double { ((ContinuousClock.now - start) / .milliseconds(1)).rounded() / 1000 }
    var warnings: [String] { state.withLock { $0.warnings } }
}
