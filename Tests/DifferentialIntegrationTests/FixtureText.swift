import Foundation
import Model

/// Reads the format of the files in Fixtures.
///
///     == NAME                      a fixture
///     main KEY=VALUE               a line of [main]
///     repo ID [KEY=VALUE ...]      a repository; what follows belongs to it
///     NAME-[E:]V-R[.ARCH]          a package, noarch unless said; indented below it:
///       requires X                 and the other dependencies; `file PATH` for a file
///     group ID                     indented: mandatory, default, optional NAME; conditional NAME if OTHER
///     environment ID               indented: group ID; option ID [default]
///     module                       indented: a document for modules.yaml, as it is
///     installed NEVRA              a package that the root holds
///     ask SPEC | SPEC ...          a request of several specs, or of one that isn't asked for anyway; file:REPO/NEVRA among
///                                  them is the package's file, --setopt=KEY=VALUE a setting for this request
///     differs SPEC | ...: REASON   a request with an answer of its own, on purpose
///
/// A line that begins with `#` is a comment.
struct FixtureText {
    private(set) var fixtures: [Fixture] = []
    private let file: String
    private var number = 0
    /// What indented lines belong to.
    private var block = Block.none

    private enum Block { case none, package, group, environment, module }

    init(parsing text: String, file: String) throws {
        self.file = file
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            number += 1
            if line.first == "#" || line.allSatisfy(\.isWhitespace) { continue }
            if line.first == " " {
                try indented(line)
            } else {
                try outer(line.split(separator: " ", maxSplits: 1).map(String.init))
            }
        }
    }

    private func failure(_ text: String) -> FixtureFailure { FixtureFailure("\(file):\(number): \(text)") }

    private mutating func outer(_ parts: [String]) throws {
        block = .none
        let rest = parts.count > 1 ? parts[1] : ""
        if parts[0] == "==" {
            fixtures.append(Fixture(name: rest))
            return
        }
        guard !fixtures.isEmpty else { throw failure("no fixture has begun") }
        let fixture = fixtures.count - 1
        switch parts[0] {
        case "main": fixtures[fixture].options.append(rest)
        case "installed": fixtures[fixture].installed.append(try nevra(rest))
        case "ask": fixtures[fixture].requests.append(specs(rest))
        case "differs":
            guard let colon = rest.range(of: ": ") else { throw failure("a difference needs its reason") }
            fixtures[fixture].differences[specs(String(rest[..<colon.lowerBound]))] = String(rest[colon.upperBound...])
        case "repo":
            let words = rest.split(separator: " ").map(String.init)
            fixtures[fixture].repositories.append(.init(id: words[0], options: Array(words.dropFirst())))
        default:
            guard !fixtures[fixture].repositories.isEmpty else { throw failure("no repository has begun") }
            let repository = fixtures[fixture].repositories.count - 1
            switch parts[0] {
            case "group":
                block = .group
                fixtures[fixture].repositories[repository].groups.append(.init(id: rest))
            case "environment":
                block = .environment
                fixtures[fixture].repositories[repository].environments.append(.init(id: rest))
            case "module":
                block = .module
                fixtures[fixture].repositories[repository].modules.append("")
            default:
                block = .package
                fixtures[fixture].repositories[repository].packages.append(.init(nevra: try nevra(parts[0])))
            }
        }
    }

    private mutating func indented(_ line: Substring) throws {
        let fixture = fixtures.count - 1
        guard block != .none, let repository = fixtures[fixture].repositories.indices.last else {
            throw failure("nothing has begun that this line could belong to")
        }
        if block == .module {
            let documents = fixtures[fixture].repositories[repository].modules.count
            fixtures[fixture].repositories[repository].modules[documents - 1] += line.dropFirst(2) + "\n"
            return
        }
        let words = line.split(separator: " ", maxSplits: 1).map(String.init)
        guard words.count == 2 else { throw failure("\"\(line)\" has no value") }
        switch block {
        case .package: try add(words[0], words[1], toPackageOf: &fixtures[fixture].repositories[repository])
        case .group: try add(words[0], words[1], toGroupOf: &fixtures[fixture].repositories[repository])
        default: try add(words[0], words[1], toEnvironmentOf: &fixtures[fixture].repositories[repository])
        }
    }

    private func add(_ key: String, _ value: String, toPackageOf repository: inout Fixture.Repository) throws {
        let package = repository.packages.count - 1
        let tags = [
            "requires", "provides", "conflicts", "obsoletes", "recommends", "suggests", "supplements", "enhances",
        ]
        if key == "file" {
            repository.packages[package].files.append(value)
        } else if tags.contains(key) {
            repository.packages[package].tags.append("\(key.prefix(1).uppercased())\(key.dropFirst()): \(value)")
        } else {
            throw failure("a package has no \"\(key)\"")
        }
    }

    private func add(_ key: String, _ value: String, toGroupOf repository: inout Fixture.Repository) throws {
        let words = value.split(separator: " ").map(String.init)
        let attributes: String
        switch (key, words.count) {
        case ("mandatory", 1), ("default", 1), ("optional", 1): attributes = "type=\"\(key)\""
        case ("conditional", 3): attributes = "type=\"conditional\" requires=\"\(words[2])\""
        case ("native", 1): attributes = "type=\"mandatory\" basearchonly=\"true\""
        default: throw failure("a group has no \"\(key)\"")
        }
        let group = repository.groups.count - 1
        repository.groups[group].members.append("<packagereq \(attributes)>\(words[0])</packagereq>")
    }

    private func add(_ key: String, _ value: String, toEnvironmentOf repository: inout Fixture.Repository) throws {
        let words = value.split(separator: " ").map(String.init)
        let environment = repository.environments.count - 1
        switch key {
        case "group": repository.environments[environment].groups.append(value)
        case "option":
            repository.environments[environment].options.append((id: words[0], isDefault: words.last == "default"))
        default: throw failure("an environment has no \"\(key)\"")
        }
    }

    private func specs(_ text: String) -> [String] {
        text.split(separator: "|").map { String($0.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed()) }
    }

    private func nevra(_ text: String) throws -> NEVRA {
        let architectures = ["noarch", "x86_64", "i686", "aarch64"]
        let isComplete = architectures.contains { text.hasSuffix(".\($0)") }
        guard let nevra = NEVRA(isComplete ? text : "\(text).noarch") else { throw failure("\"\(text)\" is not a NEVRA") }
        return nevra
    }
}

/// A failure of the tests' own data or tools, in words.
struct FixtureFailure: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}
