package import Diagnostics

/// One table of a `StrictDocument`. Every reader throws `.configuration` with file, line and what was expected.
package struct StrictTable {
    private let values: [String: StrictDocument.Value]
    private let location: [DocumentLines.Step]
    private let document: StrictDocument

    init(
        _ values: [String: StrictDocument.Value], at location: [DocumentLines.Step], keys: [String]?,
        in document: StrictDocument
    ) throws(ProvisionError) {
        self.values = values
        self.location = location
        self.document = document
        guard let keys else { return }
        for key in values.keys.sorted() where !keys.contains(key) {
            throw error(
                "unknown key \"\(key)\"", at: key,
                hint: ConfigurationSource.suggestion(
                    for: key, among: keys, otherwise: "known keys here: \(keys.joined(separator: ", "))"))
        }
    }

    package func has(_ key: String) -> Bool { values[key] != nil }

    package func optionalString(_ key: String) throws(ProvisionError) -> String? {
        guard let value = values[key] else { return nil }
        guard case .string(let text) = value else { throw mismatch(key, value, expected: "a string") }
        return text
    }

    package func string(_ key: String) throws(ProvisionError) -> String {
        guard let text = try optionalString(key) else { throw missing(key) }
        guard !text.isEmpty else { throw error("\"\(key)\" is empty", at: key) }
        return text
    }

    package func boolean(_ key: String, default fallback: Bool) throws(ProvisionError) -> Bool {
        guard let value = values[key] else { return fallback }
        guard case .boolean(let boolean) = value else { throw mismatch(key, value, expected: "true or false") }
        return boolean
    }

    package func integer(_ key: String, in range: ClosedRange<Int>) throws(ProvisionError) -> Int? {
        guard let value = values[key] else { return nil }
        guard case .integer(let number) = value else { throw mismatch(key, value, expected: "a whole number") }
        guard range.contains(number) else {
            throw error("\"\(key)\" is \(number), outside \(range.lowerBound) to \(range.upperBound)", at: key)
        }
        return number
    }

    /// A list of strings; nil where the key is missing.
    package func optionalStrings(_ key: String) throws(ProvisionError) -> [String]? {
        guard let value = values[key] else { return nil }
        guard case .array(let items) = value else { throw mismatch(key, value, expected: "a list of strings") }
        var result: [String] = []
        for item in items {
            guard case .string(let text) = item else { throw mismatch(key, item, expected: "a list of strings") }
            result.append(text)
        }
        return result
    }

    package func strings(_ key: String) throws(ProvisionError) -> [String] {
        guard let texts = try optionalStrings(key) else { throw missing(key) }
        return texts
    }

    /// A table whose keys are free and whose values are strings; empty where it is missing.
    package func dictionary(_ key: String) throws(ProvisionError) -> [String: String] {
        guard let table = try table(key, keys: nil) else { return [:] }
        var result: [String: String] = [:]
        for name in table.values.keys { result[name] = try table.optionalString(name) }
        return result
    }

    /// A table that may hold `keys` and nothing else; nil where it is missing.
    package func table(_ key: String, keys: [String]?) throws(ProvisionError) -> StrictTable? {
        guard let value = values[key] else { return nil }
        guard case .table(let entries) = value else { throw mismatch(key, value, expected: "a table") }
        return try StrictTable(entries, at: location + [.key(key)], keys: keys, in: document)
    }

    /// The tables of `[[key]]`, in their order; empty where there is none.
    package func tables(_ key: String, keys: [String]) throws(ProvisionError) -> [StrictTable] {
        guard let value = values[key] else { return [] }
        guard case .array(let items) = value else { throw mismatch(key, value, expected: "[[\(key)]] tables") }
        var result: [StrictTable] = []
        for (index, item) in items.enumerated() {
            guard case .table(let entries) = item else { throw mismatch(key, item, expected: "[[\(key)]] tables") }
            result.append(try StrictTable(entries, at: location + [.key(key), .index(index)], keys: keys, in: document))
        }
        return result
    }

    /// A string that must be one of `choices`.
    package func choice(_ key: String, among choices: [String]) throws(ProvisionError) -> String {
        let text = try string(key)
        guard choices.contains(text) else {
            throw error(
                "\"\(text)\" is no value of \"\(key)\": allowed are \(choices.joined(separator: ", "))", at: key,
                hint: ConfigurationSource.suggestion(for: text, among: choices))
        }
        return text
    }

    /// An error at `key`'s line, or at the table's where `key` is nil or missing.
    package func error(_ message: String, at key: String? = nil, hint: String? = nil) -> ProvisionError {
        let line = document.line(of: location + (key.map { [.key($0)] } ?? []))
        return ConfigurationSource.error(document.path, line: line, message, hint: hint)
    }

    private func missing(_ key: String) -> ProvisionError { error("the key \"\(key)\" is missing", at: key) }

    private func mismatch(_ key: String, _ value: StrictDocument.Value, expected: String) -> ProvisionError {
        error("\"\(key)\" is \(value.typeName), expected \(expected)", at: key)
    }
}
