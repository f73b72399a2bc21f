import SystemPackage
import Testing

@testable import Configuration

@Suite("the examples under config/examples")
struct ExampleTests {
    @Test("are read without errors", arguments: ["centos-7-vault", "local-repository"])
    func reading(_ name: String) throws {
        let directory = projectDirectory.appending("config/examples")
        #expect(try ConfigurationSource.names(in: directory, suffix: ".conf") == ["centos-7-vault", "local-repository"])
        let file = try YumConfigurationFile(reading: directory.appending(name + ".conf"))
        let build = BuildConfiguration(file: file, release: nil)
        #expect(try !build.effectiveRepositories().isEmpty)
        #expect(build.warnings.isEmpty)
    }
}
