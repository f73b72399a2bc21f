internal import Diagnostics
internal import FoundationEssentials

/// Words of a command line as one word: what goes through two shells arrives as it was.
func wordsDocument(_ words: [String]) throws -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.withoutEscapingSlashes]
    return Array(try encoder.encode(words))
}

/// The reverse.
///
/// - Throws: `.usage`.
public func words(ofDocument text: String) throws -> [String] {
    do { return try JSONDecoder().decode([String].self, from: Data(text.utf8)) } catch {
        throw ProvisionError(.usage, "\"\(text)\" is no JSON array of words")
    }
}
