import Glibc
import System
import SystemPackage
import Testing

@testable import Layers

@Suite("manifests that were read") struct ManifestMemoryTests {
    @Test("one counts as long as its file is the very one that was read, and only if a change since would show")
    func marks() throws {
        let fixture = try Fixture()
        let layer = try fixture.layer("base")
        let file = layer.directory.appending("layer.json")
        let memory = ManifestMemory()
        let mark = try #require(LayerIndex.Mark(of: file.string))
        let now = Int64(time(nil))
        memory.remember(layer, file, mark, at: now)
        #expect(memory.layer(file, mark) == nil)
        memory.remember(layer, file, mark, at: now + 10)
        #expect(memory.layer(file, mark) == layer)
        try Files.write(Files.read(file), to: file)
        let other = try #require(LayerIndex.Mark(of: file.string))
        #expect(memory.layer(file, other) == nil)
    }
}
