import Configuration
import Diagnostics
import FoundationEssentials
import SystemPackage
import Testing

/// The project's own folder, which holds config/ and repos/.
let projectDirectory = FilePath(#filePath).removingLastComponent().removingLastComponent().removingLastComponent()

/// The releases that are part of the project; the demo distribution's is made on each machine.
let shippedReleases = [
    "almalinux-8", "almalinux-9", "amazonlinux-2023", "centos-7", "centos-stream-10", "centos-stream-9", "fedora-41",
    "fedora-42", "oraclelinux-8", "oraclelinux-9", "rocky-8", "rocky-9",
]

func shipped(_ id: String) throws -> Release {
    try ReleaseCatalog(directory: projectDirectory.appending("repos")).load(id)
}

func parse(_ text: String) throws -> YumConfigurationFile {
    try YumConfigurationFile(parsing: text, path: "yum.conf")
}

/// What `body` throws; a test failure where it throws nothing.
func failure(
    _ body: () throws -> some Any, at location: SourceLocation = #_sourceLocation
) throws -> ProvisionError {
    do {
        let value = try body()
        Issue.record("nothing was thrown; the result is \(value)", sourceLocation: location)
        throw ProvisionError(.failed, "nothing was thrown")
    } catch let error as ProvisionError {
        return error
    }
}

/// A directory that goes with the value.
final class Scratch {
    let path = FilePath(FileManager.default.temporaryDirectory.path).appending("provision-configuration-\(UUID().uuidString)")

    init() throws { try FileManager.default.createDirectory(atPath: path.string, withIntermediateDirectories: false) }
    deinit { try? FileManager.default.removeItem(atPath: path.string) }

    func write(_ text: String, to name: String) throws {
        try text.write(toFile: path.appending(name).string, atomically: false, encoding: .utf8)
    }
}

/// A small release, as a definition's text.
let sampleRelease = """
    name = "Sample 12"
    releasever = "12"
    architectures = ["x86_64", "aarch64"]
    rpmdb = { path = "/var/lib/rpm", backend = "sqlite" }
    base = ["basesystem", "sample-release"]
    patches = ["machine-id"]
    [vars]
    place = "/srv/sample"
    [[keys]]
    id = "sample"
    url = "file:///srv/KEY"
    file = "KEY"
    fingerprint = "99db70fae1d7ce227fb6488205b555b38483c65d"
    [[repos]]
    id = "os"
    name = "Sample $releasever - $basearch"
    baseurl = ["file://$place/os/$basearch/"]
    enabled = true
    gpgcheck = true
    repo_gpgcheck = true
    keys = ["sample"]
    [[repos]]
    id = "updates"
    baseurl = ["https://sample.invalid/$releasever/", "https://two.invalid/"]
    enabled = false
    keys = ["sample"]
    priority = 10
    exclude = ["kernel*", "bash"]
    metadata_expire = "6h"
    """

func sample() throws -> Release { try Release(id: "sample", parsing: sampleRelease, path: "sample.toml") }
