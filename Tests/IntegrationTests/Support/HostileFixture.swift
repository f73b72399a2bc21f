import Glibc
import System
import SystemPackage
import Testing

/// A `HostileRepository` behind a server that can misbehave, and the program that plans from it, with low limits.
final class HostileFixture {
    let directory: TemporaryDirectory
    let server: HTTPServer
    let repository: HostileRepository
    let program: Program
    private let configuration: FilePath
    private let yumConfiguration: FilePath

    /// What the settings allow: bytes of an index, of a packed and of an unpacked file of metadata.
    static let limits = (index: 1 << 20, metadata: 4 << 20, open: 16 << 20)
    /// What a run may hold in memory at most: far above what it takes, far below what the tricks would have it take.
    static let maximumMemory: UInt64 = 400 << 20

    init(settings: String = "") throws {
        let directory = try TemporaryDirectory(prefix: "hostile")
        let served = directory.path.appending("served")
        repository = try HostileRepository(served.appending("os"))
        server = try HTTPServer(serving: served)
        program = Program(in: directory.path)
        configuration = directory.path.appending("config-folder")
        try Files.makeDirectory(configuration.appending("repos"))
        try runChecked(["cp", "-r", Program.checkout.appending("config").string, configuration.string])
        try Files.write(
            """
            release = "none"
            jobs = 4
            [limits]
            max-index-size = "1M"
            max-metadata-size = "4M"
            max-metadata-open-size = "16M"
            """, to: configuration.appending("config/settings.toml"))
        yumConfiguration = directory.path.appending("yum.conf")
        try Files.write(
            """
            [main]
            gpgcheck=0
            metadata_expire=0
            retries=1
            timeout=2
            minrate=2000
            proxy=_none_
            [os]
            name=OS
            baseurl=\(server.url)/os
            \(settings)
            """, to: yumConfiguration)
        self.directory = directory
    }

    /// `plan base t hello` of the repository, or another spec, or the build itself.
    func plan(
        _ options: String..., asking spec: String = "hello", command: String = "plan", environment: [String: String]? = nil
    ) throws -> MeasuredRun {
        try run(
            (command == "plan" ? ["plan", "base"] : [command]) + ["t", spec, "--json"] + options, environment: environment)
    }

    /// Any command that takes a yum.conf.
    func run(_ words: [String], environment: [String: String]? = nil) throws -> MeasuredRun {
        let variables = environment.map { ["/usr/bin/env", "-i"] + $0.map { "\($0.key)=\($0.value)" }.sorted() } ?? []
        return try MeasuredRun(
            variables
                + program.arguments(words + ["-c", yumConfiguration.string, "--config", configuration.string, "-v"]))
    }

    /// What the program says when the trick is played, and that it ends soon enough and small enough.
    func refusal(
        _ status: Int32, _ fragments: String..., command: String = "plan", asking spec: String = "hello",
        at location: SourceLocation = #_sourceLocation
    ) throws {
        let run = try plan(asking: spec, command: command)
        #expect(run.status == status, "\(run.errors)\(run.output)", sourceLocation: location)
        #expect(run.peakMemory < Self.maximumMemory, "\(run.peakMemory >> 20) MiB", sourceLocation: location)
        for fragment in fragments {
            #expect(run.output.contains(fragment), "no \"\(fragment)\" in \(run.output)", sourceLocation: location)
        }
        // Which repository it was.
        #expect(
            run.output.contains("os: ") || run.output.contains("repository \\\"os\\\""), "\(run.output)",
            sourceLocation: location)
    }

    /// The same command succeeds once the server is honest, with what the tricks left in the cache.
    func recovers(at location: SourceLocation = #_sourceLocation) throws {
        server.behave()
        repository.primary = nil
        repository.packedPrimary = nil
        repository.others = []
        repository.location = nil
        repository.statesSize = true
        repository.prologue = ""
        repository.epilogue = ""
        repository.packages = 1
        repository.compression = ""
        repository.timestamp += 1
        try repository.write()
        let run = try plan()
        #expect(run.status == 0, "\(run.errors)\(run.output)", sourceLocation: location)
        #expect(run.output.contains("\"hello\""), sourceLocation: location)
    }

    /// From now on the solver is asked again.
    func forgetPlans() throws { try Files.remove(program.cache.appending("plans")) }

    /// Files in a directory of the cache, with their paths.
    func cached(_ directory: String) throws -> [FilePath] {
        let path = program.cache.appending(directory)
        return try Files.names(in: path).map { path.appending($0) }
    }
}
