internal import CSQLite
internal import Diagnostics
internal import SystemPackage

/// An open sqlite database of a root.
final class SQLiteDatabase {
    enum Value: Equatable {
        case integer(Int64)
        case text(String)
        case null

        init(_ number: some BinaryInteger) { self = .integer(Int64(number)) }
        init(_ text: String) { self = .text(text) }

        var integer: Int64? { if case .integer(let number) = self { number } else { nil } }
    }

    private let file: FilePath
    /// As messages call it: `rpm database`.
    private let kind: String
    private var handle: OpaquePointer?
    /// Each compiled once.
    private var statements: [String: OpaquePointer] = [:]

    /// - Throws: `.failed` where it can't be opened.
    init(_ kind: String, at file: FilePath, creating: Bool = false) throws(ProvisionError) {
        (self.kind, self.file) = (kind, file)
        let flags = SQLITE_OPEN_READWRITE | (creating ? SQLITE_OPEN_CREATE : 0)
        guard sqlite3_open_v2(file.string, &handle, flags, nil) == SQLITE_OK else { throw failure("open") }
    }

    deinit {
        statements.values.forEach { sqlite3_finalize($0) }
        sqlite3_close(handle)
    }

    /// Runs statements that take no values and whose answer doesn't matter.
    func execute(_ statements: String) throws(ProvisionError) {
        guard sqlite3_exec(handle, statements, nil, nil, nil) == SQLITE_OK else {
            throw failure("run \"\(statements.prefix(80))\" on")
        }
    }

    /// Runs one statement with values for its question marks, and returns the rows of its answer.
    @discardableResult
    func run(_ statement: String, _ values: [Value] = []) throws(ProvisionError) -> [[Value]] {
        let compiled = try compiled(statement)
        defer { sqlite3_reset(compiled) }
        for (index, value) in values.enumerated() {
            let place = Int32(index + 1)
            let result =
                switch value {
                case .integer(let number): sqlite3_bind_int64(compiled, place, number)
                // SQLITE_TRANSIENT: sqlite makes a copy.
                case .text(let text):
                    sqlite3_bind_text(compiled, place, text, -1, unsafeBitCast(-1, to: sqlite3_destructor_type.self))
                case .null: sqlite3_bind_null(compiled, place)
                }
            guard result == SQLITE_OK else { throw failure("run \"\(statement)\" on") }
        }
        var rows: [[Value]] = []
        while true {
            switch sqlite3_step(compiled) {
            case SQLITE_DONE: return rows
            case SQLITE_ROW: rows.append((0..<sqlite3_column_count(compiled)).map { column(compiled, $0) })
            default: throw failure("run \"\(statement)\" on")
            }
        }
    }

    /// Runs an INSERT and returns the new row's number.
    func insert(_ statement: String, _ values: [Value]) throws(ProvisionError) -> Int64 {
        try run(statement, values)
        return sqlite3_last_insert_rowid(handle)
    }

    private func compiled(_ statement: String) throws(ProvisionError) -> OpaquePointer {
        if let known = statements[statement] { return known }
        var compiled: OpaquePointer?
        guard sqlite3_prepare_v2(handle, statement, -1, &compiled, nil) == SQLITE_OK, let compiled else {
            throw failure("run \"\(statement)\" on")
        }
        statements[statement] = compiled
        return compiled
    }

    private func column(_ statement: OpaquePointer, _ number: Int32) -> Value {
        switch sqlite3_column_type(statement, number) {
        case SQLITE_NULL: .null
        case SQLITE_INTEGER: .integer(sqlite3_column_int64(statement, number))
        default: .text(sqlite3_column_text(statement, number).map { String(cString: $0) } ?? "")
        }
    }

    private func failure(_ verb: String) -> ProvisionError {
        let reason = sqlite3_errmsg(handle).map { String(cString: $0) } ?? "out of memory"
        return ProvisionError(.failed, "cannot \(verb) the \(kind) \"\(file)\": \(reason)")
    }
}
