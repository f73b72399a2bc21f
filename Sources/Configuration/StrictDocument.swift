package import Diagnostics
package import SystemPackage
internal import TOMLKit

/// A TOML file that is read strictly: a key that nobody knows is an error with file, line and the nearest known key.
package struct StrictDocument {
    /// A value of the document, free of the parser's pointers.
    package indirect enum Value: Sendable, Equatable {
        case string(String)
        case integer(Int)
        case boolean(Bool)
        case array([Value])
        case table([String: Value])
        /// Something that no configuration of ours has a use for: a date, a floating-point number.
        case other(String)

        var typeName: String {
            switch self {
            case .string: "a string"
            case .integer: "a whole number"
            case .boolean: "true or false"
            case .array: "a list"
            case .table: "a table"
            case .other(let name): "a \(name)"
            }
        }
    }

    /// As messages name it.
    package let path: String
    private let values: [String: Value]
    private let lines: DocumentLines

    /// - Throws: `.configuration` with file and line where the text isn't TOML.
    package init(parsing text: String, path: String) throws(ProvisionError) {
        self.path = path
        lines = DocumentLines(text)
        do {
            guard case .table(let values) = StrictDocument.convert(try TOMLTable(string: text)) else {
                throw ConfigurationSource.error(path, line: nil, "not a TOML document")
            }
            self.values = values
        } catch let error as TOMLParseError {
            throw ConfigurationSource.error(path, line: error.source.begin.line, error.description)
        } catch let error as ProvisionError {
            throw error
        } catch {
            throw ConfigurationSource.error(path, line: nil, "\(error)")
        }
    }

    /// nil where the file doesn't exist.
    package init?(reading path: FilePath) throws(ProvisionError) {
        guard let text = try ConfigurationSource.read(path) else { return nil }
        try self.init(parsing: text, path: path.string)
    }

    /// The document's top level, which may hold `keys` and nothing else.
    package func root(keys: [String]) throws(ProvisionError) -> StrictTable {
        try StrictTable(values, at: [], keys: keys, in: self)
    }

    func line(of location: [DocumentLines.Step]) -> Int? { lines.line(of: location) }

    private static func convert(_ value: any TOMLValueConvertible) -> Value {
        switch value.type {
        case .table:
            guard let table = value.table else { return .other("table") }
            return .table(Dictionary(uniqueKeysWithValues: table.map { ($0.0, convert($0.1)) }))
        case .array: return .array(value.array?.map { convert($0) } ?? [])
        case .string: return .string(value.string ?? "")
        case .int: return .integer(value.int ?? 0)
        case .bool: return .boolean(value.bool ?? false)
        default: return .other(value.type.description)
        }
    }
}

/// Finds the lines of keys again, which the TOML parser doesn't keep.
struct DocumentLines: Sendable {
    enum Step: Hashable, Sendable {
        case key(String)
        case index(Int)
    }

    private var numbers: [[Step]: Int] = [:]

    init(_ text: String) {
        var section: [Step] = []
        var counts: [String: Int] = [:]
        for (index, line) in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).enumerated() {
            let line = line.drop { $0 == " " || $0 == "\t" }
            if line.hasPrefix("[["), let end = line.firstRange(of: "]]")?.lowerBound {
                let name = String(line.dropFirst(2)[..<end])
                section = [.key(name), .index(counts[name, default: 0])]
                counts[name, default: 0] += 1
                numbers[section] = index + 1
            } else if line.hasPrefix("["), let end = line.firstIndex(of: "]") {
                section = line[line.index(after: line.startIndex)..<end].split(separator: ".").map { .key(String($0)) }
                numbers[section] = index + 1
            } else if let equals = line.firstIndex(of: "=") {
                let name = line[..<equals].filter { $0 != " " && $0 != "\"" && $0 != "\t" }
                let key = section + [.key(String(name))]
                // The first one counts: a later look-alike is inside a multi-line string.
                if numbers[key] == nil { numbers[key] = index + 1 }
            }
        }
    }

    /// The line of a key, or of the nearest thing around it.
    func line(of location: [Step]) -> Int? {
        var location = location
        while !location.isEmpty {
            if let number = numbers[location] { return number }
            location.removeLast()
        }
        return nil
    }
}
