internal import Containers
internal import Glibc
internal import Provisioning

/// Runs a container in the foreground or, where the options say so, in the background.
func runContainer(
    _ request: ContainerRequest, _ options: ContainerOptions, in context: Context, global: GlobalOptions
) throws -> Int32 {
    if options.detach { return try startDetached(global: global) }
    if options.supervise { return superviseContainer(request, in: context) }
    return try runContainer(request, in: context, global: global)
}

/// Runs a container and says on standard error what a person should know; standard output is the container's.
private func runContainer(_ request: ContainerRequest, in context: Context, global: GlobalOptions) throws -> Int32 {
    let terminal = Terminal(color: global.color)
    let say: (String) -> Void = { text in
        if !global.quiet { writeError(terminal.styled(text, .dim) + "\n") }
    }
    let boots = request.mode == .boot
    let outcome = try ContainerRunner(context: context).run(request) { event in
        switch event {
        case .starting(let console):
            if boots && console {
                say("Ctrl-C at the login prompt shuts the machine down; ^] three times in a second kills it")
            }
        case .started, .loginPrompt, .inotifyRefused, .systemUp: break
        case .restarting: say("the machine starts again")
        case .stopping(_, let grace): if boots { say("shutting down, for at most \(grace) seconds; Ctrl-C again kills it") }
        case .killing: say("killing it")
        }
    }
    if boots {
        switch outcome.ending {
        case .exited: if outcome.status != 0 { say("the machine ended with status \(outcome.status)") }
        case .shutDown: say("the machine was shut down")
        case .stopped, .killed: say("the machine was killed")
        }
    }
    return outcome.status
}
