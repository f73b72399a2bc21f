import FoundationEssentials
import Model
import System
import SystemPackage
import Testing

extension EndToEnd {
    /// Bills of materials and provenance, held to their official checkers (scripts/python-environment) and to rpm.
    @Suite struct StatementTests {
        private struct SPDX: Decodable {
            struct Package: Decodable {
                struct Reference: Decodable { var referenceLocator: String }
                struct Checksum: Decodable { var checksumValue: String }
                var name: String
                var versionInfo: String?
                var externalRefs: [Reference]?
                var checksums: [Checksum]?
            }
            struct File: Decodable {
                var fileName: String
                var checksums: [Package.Checksum]
            }
            var packages: [Package]
            var files: [File]?
        }
        private struct CycloneDX: Decodable {
            struct Component: Decodable {
                var name: String
                var version: String?
                var purl: String?
            }
            var components: [Component]
        }
        private struct Statement: Decodable {
            struct Subject: Decodable { var digest: [String: String] }
            struct Predicate: Decodable {
                struct Definition: Decodable {
                    struct Resource: Decodable {
                        var name: String?
                        var digest: [String: String]?
                        var annotations: [String: String]?
                    }
                    var resolvedDependencies: [Resource]
                }
                var buildDefinition: Definition
            }
            var subject: [Subject]
            var predicate: Predicate
        }

        private static let made: Result<(Program, base: BuildDocument, app: BuildDocument), any Error> = Result {
            let program = try World.program("statements")
            let base = try program.json(BuildDocument.self, ["base", "base", "bash", "coreutils"])
            return (program, base, try program.json(BuildDocument.self, ["app", "vsftpd", "--on", "base"]))
        }

        /// Puts a document to its official checker, which fails or prints what is wrong; of a Kubernetes manifest, what it says.
        @discardableResult
        static func check(_ document: String, _ kind: String) throws -> String {
            let folder = FilePath(#filePath).removingLastComponent()
            let python = folder.removingLastComponent().removingLastComponent().appending(".build/python/bin/python3")
            try #require(Files.exists(python), "missing: the checkers; make them with scripts/python-environment")
            let answer = try runProgram(
                [python.string, folder.appending("Oracle/check-statement.py").string, kind], input: Array(document.utf8))
            #expect(answer.status.succeeded, "\(answer.standardError)")
            return answer.text
        }

        private func decode<Document: Decodable>(_: Document.Type, _ text: String) throws -> Document {
            try JSONDecoder().decode(Document.self, from: Data(text.utf8))
        }

        /// `NAME [EPOCH:]VERSION-RELEASE` of every package, by the host's rpm in the mounted view.
        private func rpmKnows(_ layer: String, of program: Program) throws -> Set<String> {
            let place = program.state.appending("view-of-\(layer)")
            try Files.makeDirectory(place)
            _ = try program.succeed(["mount", layer, place.string])
            defer { #expect(throws: Never.self) { try program.succeed(["umount", place.string]) } }
            let format = "%{NAME} %|EPOCH?{%{EPOCH}:}:{}|%{VERSION}-%{RELEASE}\\n"
            let text = try runChecked(["rpm", "--root", place.string, "--dbpath", "/var/lib/rpm", "-qa", "--qf", format]).text
            return Set(text.split(separator: "\n").map(String.init).filter { !$0.hasPrefix("gpg-pubkey ") })
        }

        @Test("an SPDX document is valid, agrees with rpm -qa, and is the same the second time")
        func spdx() throws {
            let (program, base, app) = try Self.made.get()
            let text = try program.succeed(["sbom", "vsftpd"])
            #expect(try Self.check(text, "spdx") == "")
            #expect(try program.succeed(["sbom", "vsftpd"]) == text)
            let packages = try decode(SPDX.self, text).packages.filter { $0.externalRefs != nil }
            #expect(try Set(packages.map { "\($0.name) \($0.versionInfo ?? "")" }) == rpmKnows("vsftpd", of: program))
            let sums = Set((base.packages + app.packages).compactMap(\.sha256))
            #expect(Set(packages.compactMap { $0.checksums?.first?.checksumValue }) == sums)
            #expect(packages.allSatisfy { $0.externalRefs?.first?.referenceLocator.hasPrefix("pkg:rpm/") == true })
        }

        @Test("the files of an SPDX document are those that the root holds, with their digests")
        func files() throws {
            let (program, _, app) = try Self.made.get()
            let text = try program.succeed(["sbom", "vsftpd", "--own", "--files"])
            #expect(try Self.check(text, "spdx") == "")
            let document = try decode(SPDX.self, text)
            #expect(
                document.packages.filter { $0.externalRefs != nil }.map(\.name).sorted() == app.packages.map(\.name).sorted())
            let daemon = try #require(document.files?.first { $0.fileName == "./usr/sbin/vsftpd" })
            let path = program.state.appending("layers/vsftpd/tree/usr/sbin/vsftpd")
            #expect(try daemon.checksums.map(\.checksumValue).last == digest(ofFileAt: path).digest.hex)
        }

        @Test("a CycloneDX document is valid and agrees with rpm -qa", arguments: [false, true])
        func cycloneDX(files: Bool) throws {
            let (program, _, _) = try Self.made.get()
            let text = try program.succeed(["sbom", "vsftpd", "--format", "cyclonedx"] + (files ? ["--files"] : []))
            #expect(try Self.check(text, "cyclonedx") == "")
            let packages = try decode(CycloneDX.self, text).components
            #expect(try Set(packages.map { "\($0.name) \($0.version ?? "")" }) == rpmKnows("vsftpd", of: program))
        }

        @Test("provenance names the layer's digest, its parent, the repositories' repomd and keys, and every package's digest")
        func provenance() throws {
            let (program, base, app) = try Self.made.get()
            let text = try program.succeed(["provenance", "vsftpd", "--builder", "https://ci.example.org/jobs/42"])
            #expect(try Self.check(text, "in-toto") == "")
            let statement = try decode(Statement.self, text)
            let hex = try #require(app.digest?.split(separator: ":").last.map(String.init))
            #expect(statement.subject.map(\.digest) == [["sha256": hex]])
            let sources = statement.predicate.buildDefinition.resolvedDependencies
            func kind(_ name: String) -> [Statement.Predicate.Definition.Resource] {
                sources.filter { $0.annotations?["kind"] == name }
            }
            #expect(kind("layer").map(\.name) == ["base"])
            #expect(
                try kind("layer").first?.digest == [
                    "sha256": #require(base.digest?.split(separator: ":").last.map(String.init))
                ])
            #expect(Set(kind("package").compactMap { $0.digest?["sha256"] }) == Set(app.packages.compactMap(\.sha256)))
            #expect(kind("repomd").allSatisfy { $0.digest?["sha256"]?.count == 64 } && !kind("repomd").isEmpty)
            #expect(kind("key").allSatisfy { $0.name?.count == 40 } && !kind("key").isEmpty)
        }

        @Test("a bill of a root without an rpm database is refused with the reason")
        func noDatabase() throws {
            let (program, _, _) = try Self.made.get()
            _ = try program.succeed(["minimal", "box"])
            let failure = try program.failure(["sbom", "box"])
            #expect(failure.status == 1 && failure.error.message.contains("no rpm database"))
        }
    }
}
