internal import Diagnostics
internal import FoundationEssentials
internal import Glibc

/// The one document of `--json`, on standard output: sorted keys, so that two answers can be compared as text.
func printJSON(_ value: some Encodable) {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    print(encoded(value, by: encoder))
}

/// One line of JSON.
func compactJSON(_ value: some Encodable) -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return encoded(value, by: encoder)
}

private func encoded(_ value: some Encodable, by encoder: JSONEncoder) -> String {
    do {
        return String(decoding: try encoder.encode(value), as: UTF8.self)
    } catch {
        // Our values are plain; only a programming error (a NaN, say) comes here.
        preconditionFailure("a value could not be written as JSON: \(error)")
    }
}
