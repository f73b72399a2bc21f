internal import Diagnostics
internal import Model
internal import System
internal import SystemPackage

/// Packed files of metadata, read whole.
enum Decompression {
    /// The content of a file, unpacked by the program that its first bytes call for.
    ///
    /// - Parameters:
    ///   - limit: bytes of content at most.
    ///   - source: what messages call the file.
    /// - Throws: `.verification` where it has more, or is damaged; `.unsupported` where the program isn't installed.
    static func read(_ path: FilePath, limit: Int = 256 << 20, source: String? = nil) throws(ProvisionError) -> [UInt8] {
        let name = source ?? "\"\(path)\""
        func tooLarge() -> ProvisionError {
            ProvisionError(
                .verification, "\(name) unpacks to more than \(formatted(bytes: UInt64(limit)))", causes: ["in \"\(path)\""])
        }
        guard Files.size(path) ?? 0 <= UInt64(limit) else { throw tooLarge() }
        let packed = try Files.read(path, limit: limit)
        guard let program = program(for: packed) else { return packed }
        let output: ProgramOutput
        do throws(ProvisionError) {
            output = try runProgram(program, input: packed, limit: limit)
        } catch {
            // All else that can go wrong with it has other codes.
            throw error.code == .failed ? tooLarge() : error
        }
        guard output.status.succeeded else {
            throw ProvisionError(
                .verification, "cannot unpack \(name) with \(program[0])",
                causes: output.standardError.split(separator: "\n").suffix(2).map(String.init))
        }
        return output.standardOutput
    }

    /// nil for what isn't packed.
    static func program(for bytes: [UInt8]) -> [String]? {
        let kinds: [(magic: [UInt8], program: [String])] = [
            ([0x1f, 0x8b], ["gzip", "-dc"]),
            ([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00], ["xz", "-dc", "--memlimit-decompress=1GiB"]),
            ([0x28, 0xb5, 0x2f, 0xfd], ["zstd", "-dcq", "--memory=1024MB"]),
            ([0x42, 0x5a, 0x68], ["bzip2", "-dc"]),
        ]
        return kinds.first { bytes.starts(with: $0.magic) }?.program
    }
}
