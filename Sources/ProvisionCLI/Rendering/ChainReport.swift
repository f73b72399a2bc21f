internal import Model
internal import Provisioning

/// One step a line, each further in than the one that needs it.
func showChains(_ chains: [ReasonChain], color: ColorChoice) {
    let terminal = Terminal(color: color)
    for (number, chain) in chains.enumerated() {
        if number > 0 { print("") }
        for (depth, step) in chain.steps.enumerated() {
            let indent = String(repeating: "  ", count: depth)
            print("\(indent)\(terminal.styled(step.package.description, .bold))  \(step.words)")
        }
    }
}
