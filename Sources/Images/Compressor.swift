internal import Diagnostics
internal import System

/// The programs that compress and decompress, the parallel ones first.
enum Compressor {
    /// The command that compresses standard input to standard output; nil for no compression.
    ///
    /// Names and times stay out of the output, and the number of cores doesn't change it, so that the same input gives the same
    /// bytes from the same program.
    static func compressing(_ compression: ImageFormat.Compression) throws(ProvisionError) -> [String]? {
        switch compression {
        case .none: nil
        case .bzip2: try first([["lbzip2", "-c"], ["pbzip2", "-c"], ["bzip2", "-c"]])
        case .zstd: try first([["zstd", "-q", "-T0", "-c"]])
        case .gzip: try first([["pigz", "-n", "-c"], ["gzip", "-n", "-c"]])
        // "+": blocks of one size also where there is one core, which would otherwise give one large block. A core takes about
        // 100 MiB: a host of many uses fewer of them, for the same bytes.
        case .xz: try first([["xz", "-T+0", "--memlimit-compress=1GiB", "-c"]])
        }
    }

    static func decompressing(_ compression: ImageFormat.Compression) throws(ProvisionError) -> [String]? {
        switch compression {
        case .none: nil
        case .bzip2: try first([["lbzip2", "-dc"], ["pbzip2", "-dc"], ["bzip2", "-dc"]])
        case .zstd: try first([["zstd", "-q", "-dc"]])
        case .gzip: try first([["pigz", "-dc"], ["gzip", "-dc"]])
        case .xz: try first([["xz", "-T0", "-dc"]])
        }
    }

    /// The first command whose program is installed.
    private static func first(_ commands: [[String]]) throws(ProvisionError) -> [String] {
        var failure: ProvisionError?
        for command in commands {
            do throws(ProvisionError) {
                _ = try ChildProcess.locate(command[0])
                return command
            } catch {
                failure = failure ?? error
            }
        }
        throw failure ?? ProvisionError(.unsupported, "no program for this compression is known")
    }
}
