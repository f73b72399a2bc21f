import Diagnostics
import Model
import System
import SystemPackage
import Testing

extension EndToEnd {
    /// What the command line says and leaves when it refuses: the promised status, what was refused by name, and nothing on disk.
    @Suite struct RefusalTests {
        /// The refusal's text, after checking its status and that nothing is left.
        private func refusal(
            by market: FixtureMarket, status: Int32, code: ProvisionError.Code,
            sourceLocation: SourceLocation = #_sourceLocation
        ) throws -> String {
            let refusal = try market.refusal()
            #expect(refusal.status == status && refusal.error.code == code.rawValue, sourceLocation: sourceLocation)
            #expect(try market.program.layers().isEmpty, sourceLocation: sourceLocation)
            #expect(try market.program.stagings == [], sourceLocation: sourceLocation)
            #expect(refusal.traces == refusal.before, sourceLocation: sourceLocation)
            return ([refusal.error.message] + refusal.error.causes + [refusal.error.hint ?? ""]).joined(separator: "\n")
        }

        @Test("a signed package of a signed repository is installed: what the refusals below differ from")
        func accepted() throws {
            let market = try FixtureMarket()
            try market.add(try market.goods(signedBy: market.trusted))
            try market.publish()
            let answer = try market.program.json(
                BuildDocument.self, ["base", "shop", "goods", "-c", market.configuration.string])
            #expect(answer.packages.map(\.label) == ["goods-0:1-1.noarch"])
            #expect(answer.release == "custom")
        }

        @Test("strict=0 leaves out what can't be installed, and says why")
        func leftOut() throws {
            let market = try FixtureMarket()
            let broken = try market.factory.package("broken", header: "Requires: nothing-has-this")
            try market.factory.sign(broken, by: market.trusted)
            try market.add(broken)
            try market.add(try market.goods(signedBy: market.trusted))
            try market.publish()
            let words = ["plan", "base", "shop", "goods", "broken", "-c", market.configuration.string, "--setopt", "strict=0"]
            for _ in 1...2 {
                let output = try runProgram(market.program.arguments(words))
                #expect(output.status.succeeded)
                #expect(
                    output.standardError.contains("\"broken\" is left out: ")
                        && output.standardError.contains("no enabled repository provides nothing-has-this"))
            }
        }

        @Test("a group can't be a layer's name in a plan or lock either, and a lock made with a yum.conf asks for it")
        func words() throws {
            let market = try FixtureMarket()
            try market.add(try market.goods(signedBy: market.trusted))
            try market.publish()
            let file = market.factory.path.appending("shop.lock").string
            for verb in [["plan", "base"], ["lock", "base", "-o", file], ["base"]] {
                let refused = try market.program.failure(verb + ["@core", "goods", "-c", market.configuration.string])
                #expect(refused.status == 2 && refused.error.message.contains("\"@core\" is a group"))
            }
            let told = try market.program.succeed(
                ["lock", "base", "--name", "shop", "goods", "-c", market.configuration.string, "-o", file])
            #expect(told.contains("--locked \(file) -c \(market.configuration)"))
            for verb in [["base", "--locked", file], ["lock", "--update", "-o", file]] {
                let refused = try market.program.failure(verb)
                #expect(refused.status == 2 && refused.error.hint?.contains("-c") == true)
            }
        }

        @Test("info finds a file that only file lists tell")
        func fileInformation() throws {
            let market = try FixtureMarket()
            try market.add(try market.goods(signedBy: market.trusted))
            try market.publish()
            let told = try market.program.succeed(["info", "/payload", "-c", market.configuration.string])
            #expect(told.contains("goods-1-1.noarch"))
        }

        @Test("an unsigned package")
        func unsigned() throws {
            let market = try FixtureMarket()
            try market.add(try market.goods(signedBy: nil))
            try market.publish()
            let text = try refusal(by: market, status: 4, code: .verification)
            #expect(text.hasPrefix("package \"goods-1-1.noarch\" of repository \"market\" is not signed"))
            #expect(text.contains(market.trusted.fingerprint))
        }

        @Test("a package signed by another key")
        func otherKey() throws {
            let market = try FixtureMarket()
            try market.add(try market.goods(signedBy: market.other))
            try market.publish()
            let text = try refusal(by: market, status: 4, code: .verification)
            #expect(text.hasPrefix("package \"goods-1-1.noarch\" of repository \"market\" is signed by the key "))
            #expect(text.contains(market.other.fingerprint.suffix(16)) && text.contains(market.trusted.fingerprint))
        }

        @Test("a package whose bytes were changed on the server, the metadata being what it was")
        func changedBytes() throws {
            let market = try FixtureMarket()
            let package = try market.goods(signedBy: market.trusted)
            try market.add(package)
            try market.publish()
            try market.add(try market.factory.copy(package, named: package.lastComponent!.string) { $0[$0.count - 100] ^= 1 })
            let text = try refusal(by: market, status: 4, code: .verification)
            #expect(text.contains("goods-1-1.noarch") && text.contains("market") && text.contains("sha256"))
            #expect(text.contains("\(market.server.url)/market/goods-1-1.noarch.rpm"))
        }

        @Test("a package whose payload was changed, with metadata made and signed over what came out")
        func changedPayload() throws {
            let market = try FixtureMarket()
            let package = try market.goods(signedBy: market.trusted)
            try market.add(try market.factory.copy(package, named: package.lastComponent!.string) { $0[$0.count - 100] ^= 1 })
            try market.publish()
            let text = try refusal(by: market, status: 4, code: .verification)
            #expect(text.hasPrefix("package \"goods-1-1.noarch\" of repository \"market\" does not agree with its own digests"))
        }

        @Test("metadata signed by another key")
        func metadataByOtherKey() throws {
            let market = try FixtureMarket()
            try market.add(try market.goods(signedBy: market.trusted))
            try market.publish(signedBy: market.other)
            let text = try refusal(by: market, status: 4, code: .verification)
            #expect(text.hasPrefix("the metadata of repository \"market\" is refused: it is signed by key "))
            #expect(text.contains(market.other.fingerprint.suffix(16)) && text.contains(market.trusted.fingerprint.suffix(16)))
        }

        @Test("metadata that was changed after it was signed")
        func changedMetadata() throws {
            let market = try FixtureMarket()
            try market.add(try market.goods(signedBy: market.trusted))
            try market.publish()
            let file = market.repository.appending("repodata/repomd.xml")
            let text = try Files.readText(file)
            try Files.write(text.replacing("<revision>", with: "<revision>9"), to: file)
            let refused = try refusal(by: market, status: 4, code: .verification)
            #expect(refused.hasPrefix("the metadata of repository \"market\" is refused: the signature by key "))
            #expect(refused.contains(market.trusted.fingerprint.suffix(16)) && refused.contains("does not fit the content"))
        }

        @Test("metadata without a signature where the configuration wants one")
        func unsignedMetadata() throws {
            let market = try FixtureMarket()
            try market.add(try market.goods(signedBy: market.trusted))
            try market.publish()
            try Files.remove(market.repository.appending("repodata/repomd.xml.asc"))
            let text = try refusal(by: market, status: 4, code: .verification)
            #expect(text.contains("\"market\"") && text.contains("repomd.xml.asc"))
        }

        @Test("a request that no set of packages satisfies is refused with the solver's chain")
        func impossible() throws {
            let market = try FixtureMarket()
            try market.add(try market.goods(signedBy: market.trusted, header: "Requires: counter"))
            let counter = try market.factory.package("counter", header: "Requires: libtill.so.3")
            try market.factory.sign(counter, by: market.trusted)
            try market.add(counter)
            try market.publish()
            let refusal = try market.refusal()
            #expect(refusal.status == 3 && refusal.error.code == "unsatisfiable")
            let chain = refusal.error.causes.joined(separator: "\n")
            #expect(chain.contains("goods") && chain.contains("counter") && chain.contains("libtill.so.3"))
            #expect(try market.program.layers().isEmpty && market.program.stagings == [])
        }

        @Test("a server that is down: every mirror tried is named")
        func serverDown() throws {
            let market = try FixtureMarket()
            try Files.write(
                try Files.readText(market.configuration).replacing(
                    "/market/\n", with: "/market/\n        http://127.0.0.1:1/mirror/\n"), to: market.configuration)
            market.server.stop()
            let text = try refusal(by: market, status: 5, code: .unreachable)
            #expect(
                text.contains("\"market\"") && text.contains(market.server.url) && text.contains("http://127.0.0.1:1/mirror/"))
        }

        @Test("packages that are gone from the server although the metadata names them")
        func missingPackage() throws {
            let market = try FixtureMarket()
            try market.add(try market.goods(signedBy: market.trusted))
            try market.publish()
            try Files.remove(market.repository.appending("goods-1-1.noarch.rpm"))
            let text = try refusal(by: market, status: 5, code: .unreachable)
            #expect(text.contains("goods-1-1.noarch") && text.contains("404"))
        }

        @Test("a misspelt key in yum.conf: file, line and the nearest key, before anything is fetched")
        func misspeltKey() throws {
            let market = try FixtureMarket()
            try market.write(configuration: "enabeld=1")
            let text = try refusal(by: market, status: 2, code: .configuration)
            #expect(text.hasPrefix("\(market.configuration):9: unknown key \"enabeld\" in [market]"))
            #expect(text.hasSuffix("did you mean \"enabled\"?"))
            #expect(market.server.requests.isEmpty)
        }

        @Test(
            "without --json the same error is a sentence, its causes and a hint on standard error, and nothing on standard output"
        )
        func forPeople() throws {
            let market = try FixtureMarket()
            try market.write(configuration: "enabeld=1")
            let output = try market.program.run("base", "shop", "goods", "-c", market.configuration.string)
            #expect(output.status == .exited(2) && output.text == "")
            #expect(
                output.standardError == """
                    error: \(market.configuration):9: unknown key "enabeld" in [market]
                    hint: did you mean "enabled"?

                    """)
        }
    }
}
