internal import Diagnostics

/// An ELF executable's header, as far as it tells whether the program runs in a root that holds nothing else.
///
/// Layout: elf(5), of 32 and 64 bits and both byte orders.
struct StaticExecutable {
    /// As yum names it in $basearch; `elf-N` for a machine that no distribution of ours has.
    let architecture: String

    /// - Parameter name: the file, for messages.
    /// - Throws: `.failed` for a file that is no ELF executable, is cut short, or asks for a dynamic loader, which it names.
    init(_ bytes: [UInt8], name: String) throws(ProvisionError) {
        let file = Fields(bytes)
        guard bytes.starts(with: [0x7f, 0x45, 0x4c, 0x46]), bytes.count > 20, [1, 2].contains(bytes[4]),
            [1, 2].contains(bytes[5])
        else {
            throw ProvisionError(.failed, "\"\(name)\" is no program: it doesn't begin as an ELF file does")
        }
        let wide = bytes[4] == 2
        // ET_EXEC, or ET_DYN for one that runs at any address.
        guard let type = file.number(16, 2), let machine = file.number(18, 2),
            let table = wide ? file.number(32, 8) : file.number(28, 4), let size = file.number(wide ? 54 : 42, 2),
            let count = file.number(wide ? 56 : 44, 2)
        else { throw StaticExecutable.truncated(name) }
        guard type == 2 || type == 3, count > 0 else {
            throw ProvisionError(.failed, "\"\(name)\" is no program but another kind of ELF file")
        }
        for index in 0..<count {
            let (entry, overflow) = table.addingReportingOverflow(index * size)
            guard !overflow, let kind = file.number(entry, 4) else { throw StaticExecutable.truncated(name) }
            // PT_INTERP: the path of the loader that the kernel starts instead.
            guard kind == 3 else { continue }
            guard let start = file.number(entry + (wide ? 8 : 4), wide ? 8 : 4),
                let length = file.number(entry + (wide ? 32 : 16), wide ? 8 : 4), let loader = file.text(start, length)
            else { throw StaticExecutable.truncated(name) }
            throw ProvisionError(
                .failed, "\"\(name)\" is dynamically linked: it needs the loader \"\(loader)\" and libraries",
                hint: "take a static one: Debian's package busybox-static has it, EL's EPEL the package busybox")
        }
        architecture =
            switch machine {
            case 3: "i386"
            case 21: "ppc64le"
            case 22: "s390x"
            case 40: "armhfp"
            case 62: "x86_64"
            case 183: "aarch64"
            case 243: "riscv64"
            default: "elf-\(machine)"
            }
    }

    private static func truncated(_ name: String) -> ProvisionError {
        ProvisionError(.failed, "\"\(name)\" is cut short: its ELF header points behind its end")
    }

    /// Bounded reads in the file's own byte order.
    private struct Fields {
        private let bytes: [UInt8]

        init(_ bytes: [UInt8]) { self.bytes = bytes }

        func number(_ offset: UInt64, _ length: UInt64) -> UInt64? {
            guard let piece = slice(offset, length) else { return nil }
            let bigEndian = bytes[5] == 2
            return (bigEndian ? Array(piece) : piece.reversed()).reduce(0) { $0 << 8 | UInt64($1) }
        }

        func text(_ offset: UInt64, _ length: UInt64) -> String? {
            slice(offset, length).map { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        }

        private func slice(_ offset: UInt64, _ length: UInt64) -> ArraySlice<UInt8>? {
            let (end, overflow) = offset.addingReportingOverflow(length)
            guard !overflow, end <= UInt64(bytes.count) else { return nil }
            return bytes[Int(offset)..<Int(end)]
        }
    }
}
