internal import ArgumentParser
internal import Provisioning

struct DoctorCommand: ProvisionCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "Say what this host can and can't do, and what to do about it.",
        usage: "provision doctor [<options>]",
        discussion: """
            Each thing is tried, not guessed; nothing is left behind. The status is 1
            where something is missing without which layers can't be made or run.

            EXAMPLES
              provision doctor
              provision doctor --json --state /srv/provision
            """)
    @OptionGroup(title: "Global options") var global: GlobalOptions

    func execute(in context: Context) throws -> Int32 {
        let findings = Doctor(context: context).examine()
        if global.json {
            printJSON(["findings": findings])
        } else {
            let terminal = Terminal(color: global.color)
            var table = Table([("VERDICT", .left), ("WHAT", .left), ("DETAIL", .left)])
            for finding in findings { table.add([finding.verdict.rawValue, finding.subject, finding.detail]) }
            print(table.rendered { terminal.styled($0, .bold) })
            for finding in findings {
                if let remedy = finding.remedy { print("\(terminal.styled("\(finding.subject):", .bold)) \(remedy)") }
            }
        }
        return findings.contains { $0.verdict == .missing } ? 1 : 0
    }
}
