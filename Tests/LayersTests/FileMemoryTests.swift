import Glibc
import System
import SystemPackage
import Testing

@testable import Layers

@Suite("files that were read") struct FileMemoryTests {
    @Test("one counts as long as its file is the very one that was read, and only if a change since would show")
    func marks() throws {
        let fixture = try Fixture()
        let layer = try fixture.layer("base")
        let file = layer.directory.appending("layer.json")
        let memory = FileMemory<Layer>()
        let mark = try #require(LayerIndex.Mark(of: file.string))
        let now = Int64(time(nil))
        memory.remember(layer, file, mark, at: now)
        #expect(memory.value(file, mark) == nil)
        memory.remember(layer, file, mark, at: now + 10)
        #expect(memory.value(file, mark) == layer)
        try Files.write(Files.read(file), to: file)
        let other = try #require(LayerIndex.Mark(of: file.string))
        #expect(memory.value(file, other) == nil)
    }
}
