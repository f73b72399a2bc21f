import Model
import System
import Testing

@testable import Provisioning

@Suite("What changed between two locks")
struct LockDiffTests {
    @Test("added, removed, upgraded and downgraded packages are told apart by rpm's order of versions")
    func packages() {
        let old = sampleLock(package("gone-1-1.noarch"), package("up-1.9-1.noarch"), package("down-1.0-1.noarch"))
        let new = sampleLock(package("come-1-1.noarch"), package("up-1.10-1.noarch"), package("down-1.0~rc1-1.noarch"))
        let diff = LockDiff(from: old, to: new)
        #expect(diff.added.map(\.nevra.name) == ["come"])
        #expect(diff.removed.map(\.nevra.name) == ["gone"])
        #expect(diff.upgraded.map(\.new.name) == ["up"])
        #expect(diff.downgraded.map(\.new.name) == ["down"])
        #expect(diff.replaced.isEmpty && diff.reasons.isEmpty && diff.repositories.isEmpty)
    }

    @Test("the same version with other bytes, from another repository, or for another architecture is a replacement")
    func replaced() {
        let old = sampleLock(package("a-1-1.noarch"), package("b-1-1.noarch"), package("c-1-1.noarch"))
        let new = sampleLock(
            package("a-1-1.noarch", content: "rebuilt"), package("b-1-1.noarch", repository: "other"), package("c-1-1.x86_64"))
        #expect(
            LockDiff(from: old, to: new).replaced.map(\.new.description) == ["a-1-1.noarch", "b-1-1.noarch", "c-1-1.x86_64"])
    }

    @Test("several versions of one name: only the one that changed is told")
    func installOnly() {
        let old = sampleLock(package("kernel-1-1.x86_64"), package("kernel-2-1.x86_64"))
        let new = sampleLock(package("kernel-2-1.x86_64"), package("kernel-3-1.x86_64"))
        let diff = LockDiff(from: old, to: new)
        #expect(diff.upgraded.map(\.old.version) == ["1"])
        #expect(diff.upgraded.map(\.new.version) == ["3"])
        #expect(diff.added.isEmpty && diff.removed.isEmpty)
    }

    @Test("a reason is another one when other words say it, not when the package that needs it was updated")
    func reasons() {
        let old = sampleLock(
            package("a-1-1.noarch", .requires(capability: "a", by: "x-1-1.noarch")), package("b-1-1.noarch", .group(id: "core"))
        )
        let new = sampleLock(
            package("a-1-1.noarch", .requires(capability: "a", by: "x-2-1.noarch")), package("b-1-1.noarch"))
        #expect(LockDiff(from: old, to: new).reasons.map(\.package.name) == ["b"])
    }

    @Test("repositories, keys and the request are compared too")
    func surroundings() {
        let old = sampleLock()
        var new = sampleLock()
        new.repositories[0].repomd = sha256(of: "newer")
        new.repositories[0].timestamp -= 5
        new.repositories.append(.init(id: "more", urls: [], repomd: sha256(of: "more"), revision: nil, timestamp: 1, keys: []))
        new.keys = []
        new.request.groups = []
        let diff = LockDiff(from: old, to: new)
        #expect(diff.repositories.map(\.id) == ["more", "os"])
        #expect(diff.repositories.first?.changes == ["added"])
        #expect(diff.repositories.last?.changes.contains("the metadata is older than before") == true)
        #expect(diff.removedKeys.map(\.fingerprint) == ["AB12"])
        #expect(diff.request == ["groups: core -> none"])
    }

    @Test("equal locks don't differ; sizes are summed")
    func nothing() {
        let lock = sampleLock(package("a-1-1.noarch", size: 10))
        #expect(LockDiff(from: lock, to: lock).isEmpty)
        let grown = LockDiff(from: lock, to: sampleLock(package("a-1-2.noarch", size: 7)))
        #expect(grown.downloadBytes == -3)
        #expect(grown.installedBytes == -9)
    }
}
