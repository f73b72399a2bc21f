import Diagnostics
import System
import SystemPackage
import Testing
import Transfer

@Suite("heads of files before the rest of them")
struct HeadsFirstTests {
    private static let headSize: UInt64 = 10_000
    private static let size = 400_000

    /// Three served files, large enough to be asked for in two parts.
    private final class Fixture {
        let directory: TemporaryDirectory
        let server: HTTPServer
        let names = ["one", "two", "three"]

        init() throws {
            directory = try TemporaryDirectory()
            try Files.makeDirectory(directory.path.appending("served"))
            for (number, name) in names.enumerated() {
                let bytes = (0..<HeadsFirstTests.size).map { UInt8(truncatingIfNeeded: $0 &* (31 + number) ^ $0 >> 8) }
                try Files.write(bytes, to: directory.path.appending("served").appending(name))
            }
            server = try HTTPServer(serving: directory.path.appending("served"))
        }

        func target(_ name: String) -> FilePath { directory.path.appending("out").appending(name) }

        func requests(size: UInt64 = UInt64(HeadsFirstTests.size)) throws -> [TransferRequest] {
            try names.map { name in
                let digest = try System.digest(ofFileAt: directory.path.appending("served").appending(name)).digest
                return TransferRequest(
                    label: name, urls: ["\(server.url)/\(name)"], destination: target(name), digests: [digest], size: size,
                    headSize: HeadsFirstTests.headSize)
            }
        }

        /// Runs a session to its end: the requests whose heads were told of, those that arrived, and the bytes in each part
        /// when its head was told of.
        func run(_ downloader: Downloader, prioritise order: [Int]? = nil) throws -> (
            heads: [Int], arrived: [Int], sizes: [UInt64]
        ) {
            let session = try downloader.session(try requests())
            defer { session.close() }
            var (heads, arrived, sizes): ([Int], [Int], [UInt64]) = ([], [], [])
            while !session.isDone {
                for event in try session.step() {
                    switch event {
                    case .head(let index):
                        heads.append(index)
                        let part = FilePath(target(names[index]).string + TransferRequest.partSuffix)
                        sizes.append(Files.size(part) ?? Files.size(target(names[index])) ?? 0)
                        if heads.count == names.count, let order { session.prioritise(order) }
                    case .settled(let index, let result):
                        _ = try result.get()
                        arrived.append(index)
                    }
                }
            }
            return (heads, arrived, sizes)
        }

        func isComplete() throws -> Bool {
            try names.allSatisfy {
                try System.digest(ofFileAt: target($0)).digest
                    == System.digest(ofFileAt: directory.path.appending("served").appending($0)).digest
            }
        }
    }

    @Test("heads come first, the rest in the order that is asked for, and no byte comes twice")
    func order() throws {
        let fixture = try Fixture()
        // One transfer at a time: what is asked for is told by the order of requests.
        let result = try fixture.run(Downloader(parallel: 1), prioritise: [2, 1, 0])
        #expect(result.heads.sorted() == [0, 1, 2] && result.sizes.allSatisfy { $0 >= Self.headSize })
        #expect(try fixture.isComplete())
        #expect(fixture.server.bytesSent == UInt64(3 * Self.size))
        let bulk = fixture.server.requests.filter { $0.rangeStart == Self.headSize }.map(\.path)
        #expect(bulk == ["/three", "/two", "/one"])
    }

    @Test("a server that ignores ranges sends whole files, with their heads in them")
    func rangesIgnored() throws {
        let fixture = try Fixture()
        for name in fixture.names { fixture.server.misbehave("/\(name)", .noRanges) }
        let result = try fixture.run(Downloader())
        #expect(result.heads.sorted() == [0, 1, 2] && result.arrived.sorted() == [0, 1, 2])
        #expect(try fixture.isComplete())
        #expect(fixture.server.bytesSent == UInt64(3 * Self.size))
    }

    @Test("a server that refuses ranges is asked for whole files", arguments: [400, 403, 416, 501])
    func rangesRefused(status: Int) throws {
        let fixture = try Fixture()
        for name in fixture.names { fixture.server.misbehave("/\(name)", .refusedRanges(status)) }
        let result = try fixture.run(Downloader())
        #expect(result.arrived.sorted() == [0, 1, 2])
        #expect(try fixture.isComplete())
    }

    @Test("what an earlier run left of a file is not asked for again, less than a head too", arguments: [4_000, 200_000])
    func leftOver(size: Int) throws {
        let fixture = try Fixture()
        try Files.makeDirectory(fixture.directory.path.appending("out"))
        let bytes = try Files.read(fixture.directory.path.appending("served/two"))
        try Files.write(
            Array(bytes.prefix(size)), to: FilePath(fixture.target("two").string + TransferRequest.partSuffix))
        let result = try fixture.run(Downloader())
        #expect(result.heads.contains(1))
        #expect(try fixture.isComplete())
        #expect(fixture.server.bytesSent == UInt64(3 * Self.size - size))
    }

    @Test("a small file is fetched whole at once")
    func small() throws {
        let fixture = try Fixture()
        try Files.write("small", to: fixture.directory.path.appending("served/one"))
        var request = try fixture.requests(size: 5)[0]
        request.headSize = 3
        let results = try Downloader().fetch([request])
        #expect(results[0].size == 5)
        #expect(fixture.server.requests.map(\.rangeStart) == [nil])
    }
}
