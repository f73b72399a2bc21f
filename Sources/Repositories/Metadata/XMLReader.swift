internal import CExpat
internal import Diagnostics
internal import Glibc
internal import System

/// What a document's elements are handed to, in their order. Names come without namespace prefix, `xml:` attributes with it.
protocol XMLVisitor: AnyObject {
    /// - Parameter path: the names of the open elements, this one last.
    func begin(_ path: [String], attributes: [String: String]) throws(ProvisionError)
    /// - Parameter text: the element's own character data, without white space around it.
    func end(_ path: [String], text: String) throws(ProvisionError)
}

/// Reads metadata's XML with expat: no entities, bounded depth and text, malformed input refused with its line.
struct XMLReader {
    static let maximumDepth = 32
    static let maximumText = 1 << 20
    static let maximumAttribute = 1 << 16

    /// - Parameter source: what messages call the document.
    /// - Throws: `.failed` where it isn't well-formed, declares entities, or is beyond the bounds; what the visitor throws.
    static func read(_ document: [UInt8], source: String, into visitor: any XMLVisitor) throws(ProvisionError) {
        guard let parser = XML_ParserCreate(nil) else {
            throw ProvisionError(.failed, "cannot start the XML parser: out of memory")
        }
        defer { XML_ParserFree(parser) }
        let state = XMLState(parser: parser, visitor: visitor)
        XML_SetUserData(parser, Unmanaged.passUnretained(state).toOpaque())
        XML_SetElementHandler(parser, { XMLState.of($0)?.begin($1, $2) }, { context, _ in XMLState.of(context)?.end() })
        XML_SetCharacterDataHandler(parser) { XMLState.of($0)?.append($1, Int($2)) }
        XML_SetEntityDeclHandler(parser) { context, _, _, _, _, _, _, _, _ in
            XMLState.of(context)?.stop("it declares XML entities, which no metadata needs")
        }
        var rest = document[...]
        repeat {
            try Interruption.check()
            let piece = rest.prefix(1 << 18)
            rest = rest.dropFirst(piece.count)
            let result = piece.withUnsafeBytes {
                XML_Parse(parser, $0.baseAddress?.assumingMemoryBound(to: CChar.self), Int32($0.count), rest.isEmpty ? 1 : 0)
            }
            if let error = state.error { throw error }
            if let reason = state.reason { throw malformed(reason, parser, source) }
            guard result == XML_STATUS_OK else {
                throw malformed(String(cString: XML_ErrorString(XML_GetErrorCode(parser))), parser, source)
            }
        } while !rest.isEmpty
    }

    private static func malformed(_ reason: String, _ parser: XML_Parser, _ source: String) -> ProvisionError {
        ProvisionError(.failed, "\(source) cannot be read: line \(XML_GetCurrentLineNumber(parser)): \(reason)")
    }
}

/// What expat's callbacks share.
private final class XMLState {
    private let parser: XML_Parser
    private let visitor: any XMLVisitor
    private var path: [String] = []
    private var text: [UInt8] = []
    var error: ProvisionError?
    var reason: String?

    init(parser: XML_Parser, visitor: any XMLVisitor) {
        self.parser = parser
        self.visitor = visitor
    }

    static func of(_ context: UnsafeMutableRawPointer?) -> XMLState? {
        context.map { Unmanaged<XMLState>.fromOpaque($0).takeUnretainedValue() }
    }

    func stop(_ reason: String) {
        self.reason = self.reason ?? reason
        XML_StopParser(parser, 0)
    }

    private func call(_ body: () throws(ProvisionError) -> Void) {
        // Expat may report an end after it was stopped.
        guard error == nil, reason == nil else { return }
        do { try body() } catch {
            self.error = error
            XML_StopParser(parser, 0)
        }
    }

    func begin(_ name: UnsafePointer<CChar>?, _ pairs: UnsafeMutablePointer<UnsafePointer<CChar>?>?) {
        guard let name else { return }
        guard path.count < XMLReader.maximumDepth else { return stop("it is nested too deeply") }
        let full = String(cString: name)
        path.append(full.lastIndex(of: ":").map { String(full[full.index(after: $0)...]) } ?? full)
        text.removeAll(keepingCapacity: true)
        var attributes: [String: String] = [:]
        var pair = pairs
        while let key = pair?[0], let value = pair?[1] {
            guard strnlen(value, XMLReader.maximumAttribute) < XMLReader.maximumAttribute else {
                return stop("an attribute is too long")
            }
            attributes[String(cString: key)] = String(cString: value)
            pair = pair?.advanced(by: 2)
        }
        call { () throws(ProvisionError) in try visitor.begin(path, attributes: attributes) }
    }

    func append(_ bytes: UnsafePointer<CChar>?, _ count: Int) {
        guard text.count + count <= XMLReader.maximumText else { return stop("an element's text is too long") }
        text += UnsafeRawBufferPointer(start: bytes, count: count)
    }

    func end() {
        let own = String(decoding: text, as: UTF8.self).trimmed
        text.removeAll(keepingCapacity: true)
        call { () throws(ProvisionError) in try visitor.end(path, text: own) }
        path.removeLast()
    }
}

extension StringProtocol {
    /// Without white space at both ends.
    var trimmed: String {
        var rest = self[...]
        while rest.first?.isWhitespace == true { rest.removeFirst() }
        while rest.last?.isWhitespace == true { rest.removeLast() }
        return String(rest)
    }
}
