import Diagnostics
import Model
import Testing

@testable import Provisioning

@Suite("Why a package is in a plan")
struct ReasonChainTests {
    private let packages = [
        package("vim-1-1.noarch", .requested(spec: "vim")),
        package("lib-1-1.x86_64", .requires(capability: "lib.so", by: "vim-1-1.noarch")),
        package("data-1-1.noarch", .requires(capability: "data >= 1", by: "lib-1-1.x86_64")),
    ]

    private func plan() -> BuildAnswer {
        BuildAnswer(
            name: "x", kind: .base, release: "demo", parent: nil, path: nil, digest: nil, reused: false, packages: packages,
            downloadBytes: 0, downloadedBytes: 0, installedBytes: 0, layerBytes: nil, patches: [], warnings: [], seconds: [:])
    }

    @Test("the chain goes from the request to the package", arguments: ["data", "data.noarch", "data-1-1", "data-1-1.noarch"])
    func chain(word: String) throws {
        let chains = try ReasonChain.chains(to: word, in: plan())
        #expect(chains.count == 1)
        #expect(chains.first?.steps.map(\.package.name) == ["vim", "lib", "data"])
        #expect(chains.first?.steps.map(\.words) == ["requested as \"vim\"", "vim needs lib.so", "lib needs data >= 1"])
    }

    @Test("a package that isn't planned is refused with the nearest name")
    func unknown() {
        let error = #expect(throws: ProvisionError.self) { try ReasonChain.chains(to: "dtaa", in: plan()) }
        #expect(error?.code == .notFound)
        #expect(error?.hint == "did you mean \"data\"?")
    }

    @Test("reasons that go round in a circle end")
    func circle() {
        let one = package("a-1-1.noarch", .requires(capability: "a", by: "b-1-1.noarch"))
        let other = package("b-1-1.noarch", .requires(capability: "b", by: "a-1-1.noarch"))
        #expect(ReasonChain(to: one, in: [one, other]).steps.count <= 3)
    }
}
