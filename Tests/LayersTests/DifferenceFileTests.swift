import Diagnostics
import Model
import System
import SystemPackage
import Testing

@testable import Layers

@Suite("differences of files") final class DifferenceFileTests {
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory(prefix: "provision-difference") }

    private func path(_ name: String) -> FilePath { directory.path.appending(name) }

    /// Bytes that no compressor makes smaller, and always the same.
    private static func noise(_ count: Int, seed: UInt64 = 1) -> [UInt8] {
        var state = seed
        return (0..<count).map { _ in
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return UInt8(truncatingIfNeeded: state >> 33)
        }
    }

    /// What the difference from one to the other makes of the first, and how large it is.
    private func roundTrip(_ old: [UInt8], _ new: [UInt8]) throws -> (made: [UInt8], size: UInt64) {
        for (name, bytes) in [("old", old), ("new", new)] { try Files.write(bytes, to: path(name)) }
        try DifferenceFile.make(from: path("old"), to: path("new"), at: path("difference"))
        if Files.exists(path("made")) { try Files.remove(path("made")) }
        let digest = try DifferenceFile.apply(
            path("difference"), to: path("old"), at: path("made"), size: UInt64(new.count))
        #expect(digest == sha256(of: new))
        return (try Files.read(path("made")), try #require(Files.size(path("difference"))))
    }

    @Test("whatever changed, the difference makes the new file of the old one")
    func changes() throws {
        let old = Self.noise(300_000)
        var few = old
        for place in [0, 4096, 100_000, 299_999] { few[place] ^= 0xff }
        let cases: [(name: String, new: [UInt8], most: UInt64)] = [
            ("nothing", old, 8), ("a few bytes", few, 4 * 4096), ("longer", old + Self.noise(10_000, seed: 2), 15_000),
            ("longer by a part of a block", old + [1, 2, 3], 5000), ("shorter", Array(old.prefix(123_456)), 5000),
            ("shorter by whole blocks", Array(old.prefix(40_960)), 8), ("empty", [], 8),
            ("shifted by a byte", [7] + old, 5000), ("all of it", Self.noise(300_000, seed: 3), 301_000),
        ]
        for (name, new, most) in cases {
            let (made, size) = try roundTrip(old, new)
            #expect(made == new, "\(name)")
            #expect(size <= most, "\(name): \(size)")
        }
    }

    @Test("a file that grew from a few bytes comes without a dictionary")
    func fromLittle() throws {
        let new = Array(repeating: UInt8(7), count: 4096) + Self.noise(3000)
        #expect(try roundTrip(Array(repeating: 7, count: 4096), new).made == new)
    }

    @Test("a difference of whole files, as zstd makes it, is taken as well")
    func whole() throws {
        let old = Self.noise(100_000)
        var new = old
        new[5] ^= 1
        try Files.write(old, to: path("old"))
        try Files.write(new, to: path("new"))
        try runChecked(["zstd", "-q", "--patch-from=\(path("old"))", path("new").string, "-o", path("difference").string])
        #expect(
            try DifferenceFile.apply(path("difference"), to: path("old"), at: path("made"), size: 100_000) == sha256(of: new))
    }

    @Test("zstd reads the frames that are made, and what zstd makes of the changed blocks is taken")
    func zstd() throws {
        let old = Self.noise(100_000)
        var new = old
        for place in 40_960..<49_152 { new[place] = old[place - 40_000] }
        new[45_000] ^= 1
        #expect(try roundTrip(old, new).made == new)
        // Blocks 10 and 11, old and new.
        try Files.write(Array(old[40_960..<49_152]), to: path("before"))
        try Files.write(Array(new[40_960..<49_152]), to: path("after"))
        let read = try runChecked(["zstd", "-q", "-d", "-c", "--patch-from=\(path("before"))", path("difference").string])
        #expect(read.standardOutput == Array(new[40_960..<49_152]))

        try runChecked(
            ["zstd", "-q", "-f", "-3", "--patch-from=\(path("before"))", path("after").string, "-o", path("frame").string])
        let list = try Files.read(path("difference")).prefix(16)
        try Files.write(list + Files.read(path("frame")), to: path("difference"))
        try Files.remove(path("made"))
        #expect(
            try DifferenceFile.apply(path("difference"), to: path("old"), at: path("made"), size: 100_000) == sha256(of: new))
        // Something after the frame, and a frame that isn't there.
        for bytes in [try Files.read(path("difference")) + [0], Array(list)] {
            try Files.write(bytes, to: path("difference"))
            try Files.remove(path("made"))
            #expect {
                _ = try DifferenceFile.apply(path("difference"), to: path("old"), at: path("made"), size: 100_000)
            } throws: { ($0 as? ProvisionError)?.code == .verification }
        }
    }

    @Test("a list of blocks that no file of the size has is refused, and so is a frame that holds more or less than the blocks")
    func hostileLists() throws {
        func list(_ numbers: [UInt32]) -> [UInt8] {
            ([0x184D_2A5B, UInt32(numbers.count * 4)] + numbers).flatMap { number in
                withUnsafeBytes(of: number.littleEndian) { Array($0) }
            }
        }
        let old = Self.noise(20_000)
        try Files.write(old, to: path("old"))
        try Files.write(Self.noise(4096, seed: 9), to: path("block"))
        try runChecked(["zstd", "-q", "-f", path("block").string, "-o", path("block.zst").string])
        let block = try Files.read(path("block.zst"))
        let hostile: [(String, [UInt8])] = [
            ("no blocks", list([0, 0]) + block), ("behind the end", list([5, 1]) + block),
            ("more than there are", list([0, 6]) + block), ("numbers that wrap", list([.max, .max]) + block),
            ("backwards", list([2, 1, 1, 1]) + block), ("twice", list([1, 1, 1, 1]) + block),
            ("half a run", list([1]) + block), ("cut off", Array(list([0, 1, 2, 1]).dropLast(3))),
            ("longer than it says", [0x5B, 0x2A, 0x4D, 0x18, 0xff, 0xff, 0xff, 0xff] + block),
            ("a frame of too much", list([4, 1]) + block), ("a frame of too little", list([0, 2]) + block),
            ("no frame", list([0, 1])), ("another's dictionary", list([0, 1]) + Array(block.dropLast(20))),
        ]
        for (name, bytes) in hostile {
            try Files.write(bytes, to: path("difference"))
            if Files.exists(path("made")) { try Files.remove(path("made")) }
            do {
                _ = try DifferenceFile.apply(path("difference"), to: path("old"), at: path("made"), size: 20_000)
                Issue.record("\(name) was taken")
            } catch {
                #expect(error.code == .verification, "\(name): \(error)")
            }
        }
        // The good one of these: what is refused above is so for its list.
        try Files.write(list([1, 1]) + block, to: path("difference"))
        if Files.exists(path("made")) { try Files.remove(path("made")) }
        _ = try DifferenceFile.apply(path("difference"), to: path("old"), at: path("made"), size: 20_000)
        #expect(
            try Files.read(path("made")) == old[..<4096] + Self.noise(4096, seed: 9) + old[8192...])
    }
}
