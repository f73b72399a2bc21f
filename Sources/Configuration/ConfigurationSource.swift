package import Diagnostics
package import SystemPackage

/// Reads configuration files and words what is wrong with them.
package enum ConfigurationSource {
    /// A configuration file's text; nil where the file doesn't exist.
    ///
    /// - Throws: `.configuration` where it can't be read, is larger than `limit` bytes or isn't UTF-8.
    package static func read(_ path: FilePath, limit: Int = 4 << 20) throws(ProvisionError) -> String? {
        let bytes: [UInt8]
        do {
            let file = try FileDescriptor.open(path, .readOnly, options: [.closeOnExec])
            bytes = try file.closeAfter { try contents(of: file, upTo: limit + 1) }
        } catch let number as Errno where number == .noSuchFileOrDirectory {
            return nil
        } catch {
            throw ProvisionError(.configuration, "cannot read \"\(path)\": \(describe(error))")
        }
        guard bytes.count <= limit else {
            throw ProvisionError(.configuration, "\"\(path)\" is larger than \(limit) bytes")
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw ProvisionError(.configuration, "\"\(path)\" is not UTF-8 text")
        }
        return text
    }

    /// Names in a directory that end in `suffix`, without it, sorted; empty where the directory doesn't exist.
    package static func names(in directory: FilePath, suffix: String) throws(ProvisionError) -> [String] {
        let names: [String]
        do {
            names = try DirectoryListing.names(in: directory)
        } catch let number where number == .noSuchFileOrDirectory {
            return []
        } catch {
            throw ProvisionError(.configuration, "cannot list \"\(directory)\": \(describe(error))")
        }
        return names.filter { $0.hasSuffix(suffix) && $0.count > suffix.count && !$0.hasPrefix(".") }
            .map { String($0.dropLast(suffix.count)) }.sorted()
    }

    /// `FILE:LINE: message`, as compilers write it; without a line where none is known.
    package static func error(
        _ path: String, line: Int?, _ message: String, hint: String? = nil, causes: [String] = []
    ) -> ProvisionError {
        let place = line.map { "\(path):\($0)" } ?? path
        return ProvisionError(.configuration, "\(place): \(message)", hint: hint, causes: causes)
    }

    /// `did you mean "X"?`, where something is near enough; `otherwise` if not.
    package static func suggestion(
        for word: String, among candidates: some Sequence<String>, otherwise: String? = nil
    ) -> String? {
        nearest(to: word, in: candidates).map { "did you mean \"\($0)\"?" } ?? otherwise
    }

    private static func contents(of file: FileDescriptor, upTo limit: Int) throws -> [UInt8] {
        var result: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65536)
        while result.count < limit {
            let count = try chunk.withUnsafeMutableBytes { try file.read(into: $0) }
            if count == 0 { break }
            result += chunk[..<count]
        }
        return result
    }

    private static func describe(_ error: any Error) -> String {
        let text = "\(error)"
        return text.prefix(1).lowercased() + text.dropFirst()
    }
}
