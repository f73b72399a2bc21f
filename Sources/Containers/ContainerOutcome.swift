internal import Glibc
internal import System

/// What happens while a container runs, for whoever shows it. Called on the thread of `ContainerEngine.run`; where our terminal
/// is the container's console, its own settings are restored for the time of the call.
public enum ContainerEvent: Sendable, Equatable {
    /// About to start; `console`: our terminal becomes the machine's console, and Ctrl-C at its login prompt shuts it down.
    case starting(console: Bool)
    /// Its first program was started.
    case started
    /// The console shows a login prompt.
    case loginPrompt
    /// Something in it was refused an inotify instance while it booted.
    case inotifyRefused
    /// The container's init says that the system is up.
    case systemUp
    /// The machine asked for a reboot and starts again.
    case restarting
    /// It is being shut down in order, for at most `grace` seconds.
    case stopping(StopReason, grace: Int32)
    /// The time for that is over, or a second Ctrl-C came: everything is killed.
    case killing
}

/// Why a container was asked to end.
public enum StopReason: Sendable, Equatable {
    /// SIGINT, SIGTERM or SIGHUP sent to this process.
    case signal(Int32)
    /// Ctrl-C typed at a console where nobody is logged in.
    case interruptKey
    /// Its time was over.
    case timeout
}

/// How a container ended.
public struct ContainerOutcome: Sendable, Equatable {
    public enum Ending: Sendable, Equatable {
        /// By itself: `status` is the container's own.
        case exited
        /// A machine that was shut down in order because it was asked to.
        case shutDown(StopReason)
        /// A command that was ended because we were asked to end it.
        case stopped(StopReason)
        /// It didn't end in time and was killed.
        case killed(StopReason)
    }

    /// The process's exit status for it, as the command line promises it.
    public let status: Int32
    public let ending: Ending

    /// The rule, for every way to end:
    ///
    /// - The container's own status where nothing was asked of us. Two of them systemd-nspawn doesn't pass on: its stub init
    ///   reports a command that died of a signal as 255, and it takes 133 for its own request to restart and makes it 1.
    /// - 0 for a machine that was asked to shut down, by a signal or Ctrl-C, and did so in order: that is what was wanted.
    /// - 128+n for a command ended by signal n that was sent to us, and for anything that had to be killed (2 for Ctrl-C).
    /// - 124 where the time was over, as timeout(1)'s, whether it went in order or not.
    init(mode: ContainerSpecification.Mode, status: ChildProcess.Status, reason: StopReason?, killed: Bool) {
        guard let reason else {
            self.status = status.shellStatus
            ending = .exited
            return
        }
        let number: Int32 =
            switch reason {
            case .signal(let number): 128 + number
            case .interruptKey: 128 + SIGINT
            case .timeout: 124
            }
        switch mode {
        case _ where killed:
            self.status = number
            ending = .killed(reason)
        case .boot:
            self.status = reason == .timeout ? number : 0
            ending = .shutDown(reason)
        case .run:
            self.status = number
            ending = .stopped(reason)
        }
    }
}
