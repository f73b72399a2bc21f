import Model
import System

@testable import Provisioning

/// A small lock to change in tests.
func sampleLock(_ packages: PlannedPackage...) -> LockFile {
    LockFile(
        request: sampleRequest(),
        repositories: [
            .init(
                id: "os", urls: ["https://mirror/os"], repomd: sha256(of: "repomd"), revision: "17", timestamp: 1_700_000_000,
                keys: ["AB12"])
        ],
        keys: [.init(fingerprint: "AB12", owner: "Owner \"of\" keys <a@b>", url: "https://keys/key", file: "KEY")],
        packages: packages)
}

func sampleRequest() -> LockRequest {
    LockRequest(
        kind: .base, parent: nil, release: "demo", releasever: nil, arch: "x86_64", packages: ["bash", "vim"], groups: ["core"],
        withOptional: true, weakDependencies: false, excludes: [], addedRepositories: [], enabledRepositories: ["updates"],
        disabledRepositories: [], settings: ["os.priority=7"], checksSignatures: true,
        configuration: sha256(of: "configuration"))
}

func package(
    _ nevra: String, _ reason: Reason = .requested(spec: "bash"), repository: String = "os", size: UInt64 = 1000,
    content: String = ""
) -> PlannedPackage {
    PlannedPackage(
        nevra: NEVRA(nevra)!, repository: repository, location: "Packages/\(nevra).rpm", checksum: sha256(of: nevra + content),
        size: size, installedSize: 3 * size, reason: reason)
}
