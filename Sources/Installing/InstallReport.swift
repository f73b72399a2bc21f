internal import Diagnostics
internal import Model

/// What the parent makes of the child's events: progress for people, warnings, and in the end a result or an error.
struct InstallReport {
    private let progress: any ProgressSink
    /// Of packages.
    var total: UInt64
    private(set) var verified = 0
    /// Packages whose heads were no good, by their places in the plan, since somebody took them.
    private var refusedHeads: [Int] = []
    /// rpm's order of the packages, by their places in the plan.
    private(set) var order: [Int]?
    /// Packages are still verified while others are installed.
    private var phases: [ProgressEvent.Phase] = []
    private var warnings: [String] = []
    /// rpm's own complaints since the last package or scriptlet began, which explain a failure that follows.
    private var complaints: [String] = []
    /// What was going on last, for the case that the child dies without a word.
    private var activity = "its start"
    private var inScriptlet = false
    private(set) var result: Result<Answer, ProvisionError>?

    enum Answer: Equatable {
        case installed(InstallOutcome)
        case listed([NEVRA])
        case described([InstalledPackage])
        case inspected([InspectedPackage])
    }

    init(progress: any ProgressSink, packages: Int) {
        self.progress = progress
        total = UInt64(packages)
    }

    mutating func handle(_ event: InstallEvent) {
        switch event {
        case .verified(let package, let completed):
            enter(.verify)
            verified = Int(completed)
            progress.report(.advanced(.verify, completed: completed, item: package))
            if completed == total {
                leave(.verify, note: "sizes, digests and signatures of \(count(Int(total), "package"))")
            }
        case .headRefused(let place):
            refusedHeads.append(place)
        case .ordered(let order):
            self.order = order
            activity = "the begin of its transaction"
        case .installing(let package, let completed):
            enter(.install)
            begin(package)
            progress.report(.advanced(.install, completed: completed, item: package))
        case .waiting(let package, let completed):
            enter(.install)
            begin("its wait for \(package)")
            progress.report(.advanced(.install, completed: completed, item: "waits for \(package)"))
        case .scriptletStarted(let scriptlet):
            enter(.install)
            begin("\(scriptlet.name) of \(scriptlet.package)")
            inScriptlet = true
        case .scriptletEnded(let scriptlet, let failed, let fatal, let output, let refused):
            for what in refused { attempted(scriptlet, what) }
            ended(scriptlet, failed: failed, fatal: fatal, output: output)
        case .log(let level, let text):
            logged(text, isWarning: level == 4)
        case .finished(var outcome):
            for warning in outcome.warnings { progress.warn(warning) }
            outcome.warnings = warnings + outcome.warnings
            progress.report(.advanced(.install, completed: total, item: nil))
            let writer = outcome.databaseWriter.map { ", Berkeley DB written by \($0)" } ?? ""
            leave(.install, note: count(outcome.installed.count, "package") + writer)
            result = .success(.installed(outcome))
        case .packages(let packages):
            result = .success(.listed(packages))
        case .described(let packages):
            result = .success(.described(packages))
        case .inspected(let packages):
            result = .success(.inspected(packages))
        case .failed(let failure):
            fail(failure.error)
        }
    }

    mutating func takeRefusedHeads() -> [Int] {
        defer { refusedHeads = [] }
        return refusedHeads
    }

    /// The child has ended; without a last word, the error says what it was at.
    mutating func childEnded(how status: String) {
        guard result == nil else { return }
        fail(
            ProvisionError(
                .failed, "the install process ended (\(status)) at \(activity)",
                hint: inScriptlet
                    ? "a scriptlet that sends a signal to all processes ends its own installation by it"
                    : whyKilled, causes: complaints))
    }

    /// Ends phases that are under way when the run is given up.
    mutating func abandon() { phases.forEach { leave($0, note: nil) } }

    private mutating func begin(_ what: String) {
        activity = what
        complaints = []
    }

    /// Errors explain the failure that follows them; a warning between scriptlets is one of its own (a file's unknown owner, say).
    private mutating func logged(_ text: String, isWarning: Bool) {
        complaints.append(text)
        let warning = "\(activity): \(text)"
        if isWarning, !inScriptlet, !warnings.contains(warning) {
            warnings.append(warning)
            progress.warn(warning)
        } else {
            progress.detail("rpm: \(text)")
        }
    }

    private mutating func attempted(_ scriptlet: InstallEvent.Scriptlet, _ what: String) {
        let warning = "the \(scriptlet.name) scriptlet of package \"\(scriptlet.package)\" tried to \(what): refused"
        warnings.append(warning)
        progress.warn(warning)
    }

    private mutating func ended(_ scriptlet: InstallEvent.Scriptlet, failed: Bool, fatal: Bool, output: String) {
        inScriptlet = false
        let lines = output.split(whereSeparator: \.isNewline).map(String.init)
        for line in lines { progress.detail("\(scriptlet.package) \(scriptlet.name): \(line)") }
        guard failed else { return }
        let said = complaints + lines.suffix(5)
        if fatal {
            fail(
                ProvisionError(
                    .failed, "the \(scriptlet.name) scriptlet of package \"\(scriptlet.package)\" failed", causes: said))
        } else {
            let warning =
                "the \(scriptlet.name) scriptlet of package \"\(scriptlet.package)\" failed"
                + (said.isEmpty ? "" : ": " + said.joined(separator: "; "))
            warnings.append(warning)
            progress.warn(warning, hint: "the package is installed all the same, as rpm does it")
        }
        complaints = []
    }

    private mutating func enter(_ phase: ProgressEvent.Phase) {
        if phases.contains(phase) { return }
        phases.append(phase)
        progress.report(.began(phase, total: total))
    }

    private mutating func leave(_ phase: ProgressEvent.Phase, note: String?) {
        guard let place = phases.firstIndex(of: phase) else { return }
        phases.remove(at: place)
        progress.report(.ended(phase, note: note))
    }

    private mutating func fail(_ error: ProvisionError) {
        if case .failure = result { return }
        abandon()
        result = .failure(error)
    }
}
