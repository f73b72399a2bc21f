internal import CYaml
internal import Diagnostics

/// Reads a stream of YAML documents, one at a time.
///
/// Values are looked up where they stand and never expanded, so aliases that refer to aliases cost nothing; libyaml itself
/// limits how deep a document may nest.
enum YAMLReader {
    /// - Parameter source: what messages call the text.
    /// - Throws: `.failed` with the line where it is malformed, or where it nests too deeply; what `body` throws.
    static func read(_ text: [UInt8], source: String, each body: (YAMLValue) throws(ProvisionError) -> Void)
        throws(ProvisionError)
    {
        guard !isNestedTooDeeply(text) else {
            throw ProvisionError(.failed, "\(source) is nested more than \(maximumFlowDepth) brackets deep")
        }
        var parser = yaml_parser_t()
        guard yaml_parser_initialize(&parser) == 1 else { throw ProvisionError(.failed, "cannot read \(source): no memory") }
        defer { yaml_parser_delete(&parser) }
        let result: Result<Void, ProvisionError> = text.withUnsafeBufferPointer { buffer in
            yaml_parser_set_input_string(&parser, buffer.baseAddress, buffer.count)
            while true {
                var document = yaml_document_t()
                guard yaml_parser_load(&parser, &document) == 1 else {
                    let problem = parser.problem.map { String(cString: $0) } ?? "malformed"
                    return .failure(
                        ProvisionError(.failed, "\(source) is not YAML: line \(parser.problem_mark.line + 1): \(problem)"))
                }
                defer { yaml_document_delete(&document) }
                guard let root = yaml_document_get_root_node(&document) else { return .success(()) }
                let value = withUnsafeMutablePointer(to: &document) { YAMLValue(document: $0, node: root) }
                do throws(ProvisionError) {
                    try body(value)
                } catch {
                    return .failure(error)
                }
            }
        }
        try result.get()
    }

    /// Real modules have three.
    static let maximumFlowDepth = 64

    /// libyaml looks at every open bracket again for each word, so that brackets in brackets take the square of their number in
    /// time, long before its limit of depth is asked. Brackets in quotes and texts are counted too: they mostly close.
    private static func isNestedTooDeeply(_ text: [UInt8]) -> Bool {
        var depth = 0
        for byte in text {
            switch byte {
            case UInt8(ascii: "["), UInt8(ascii: "{"):
                depth += 1
                if depth > maximumFlowDepth { return true }
            case UInt8(ascii: "]"), UInt8(ascii: "}"): depth = max(0, depth - 1)
            default: break
            }
        }
        return false
    }
}

/// A value of the document that is being read; not to be kept longer.
struct YAMLValue {
    fileprivate let document: UnsafeMutablePointer<yaml_document_t>
    fileprivate let node: UnsafeMutablePointer<yaml_node_t>

    /// A plain or quoted word, as it is written: `1.10` stays that.
    var text: String? {
        guard node.pointee.type == YAML_SCALAR_NODE, let start = node.pointee.data.scalar.value else { return nil }
        return String(
            decoding: UnsafeBufferPointer(start: start, count: node.pointee.data.scalar.length), as: UTF8.self)
    }

    /// The elements of a list; empty for anything else.
    var elements: [YAMLValue] {
        guard node.pointee.type == YAML_SEQUENCE_NODE else { return [] }
        let items = node.pointee.data.sequence.items
        return UnsafeBufferPointer(start: items.start, count: items.top - items.start).compactMap(value)
    }

    /// The pairs of a mapping in their order; empty for anything else.
    var pairs: [(key: String, value: YAMLValue)] {
        guard node.pointee.type == YAML_MAPPING_NODE else { return [] }
        let pairs = node.pointee.data.mapping.pairs
        return UnsafeBufferPointer(start: pairs.start, count: pairs.top - pairs.start).compactMap { pair in
            guard let key = value(pair.key)?.text, let content = value(pair.value) else { return nil }
            return (key, content)
        }
    }

    var words: [String] { elements.compactMap(\.text) }

    subscript(key: String) -> YAMLValue? { pairs.first { $0.key == key }?.value }

    private func value(_ number: Int32) -> YAMLValue? {
        yaml_document_get_node(document, number).map { YAMLValue(document: document, node: $0) }
    }
}
