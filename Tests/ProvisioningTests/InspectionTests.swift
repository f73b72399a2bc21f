import FoundationEssentials
import Layers
import Model
import System
import Testing

@testable import Provisioning

struct InspectionTests {
    private func package(_ text: String) throws -> NEVRA { try #require(NEVRA(text)) }

    @Test("one version for another is a change; of several versions each comes or goes")
    func packages() throws {
        let old = try ["a-1-1.noarch", "kernel-1-1.x86_64", "kernel-2-1.x86_64", "gone-1-1.noarch"].map(package)
        let new = try ["a-1:2-1.noarch", "kernel-2-1.x86_64", "kernel-3-1.x86_64", "kernel-4-1.x86_64"].map(package)
        let found = PackageComparison(from: old, to: new)
        #expect(found.changed == [.init(name: "a", arch: "noarch", from: "1-1", to: "1:2-1")])
        #expect(found.removed.map(\.description) == ["gone-1-1.noarch", "kernel-1-1.x86_64"])
        #expect(found.added.map(\.description) == ["kernel-3-1.x86_64", "kernel-4-1.x86_64"])
    }

    @Test("packages are written as text")
    func json() throws {
        let found = PackageComparison(from: [], to: [try package("a-1:2-1.noarch")])
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        #expect(
            String(decoding: try encoder.encode(found), as: UTF8.self)
                == #"{"added":["a-1:2-1.noarch"],"changed":[],"removed":[]}"#)
    }

    @Test("the device 0:0 is a whiteout, other devices are what they are; modes have four digits")
    func files() {
        let none = TreeEntry(path: TreePath("etc/old"), kind: .character(DeviceNumber(major: 0, minor: 0)), mode: 0)
        #expect(LayerFile(none).type == .whiteout && LayerFile(none).device == nil && LayerFile(none).mode == "0000")
        let null = TreeEntry(path: TreePath("dev/null"), kind: .character(DeviceNumber(major: 1, minor: 3)), mode: 0o666)
        #expect(LayerFile(null).type == .character && LayerFile(null).device == "1:3")
        let hidden = ExtendedAttribute(name: "trusted.overlay.opaque", value: Array("y".utf8))
        let directory = TreeEntry(path: TreePath("etc"), kind: .directory, mode: 0o1777, attributes: [hidden])
        #expect(LayerFile(directory).opaque == true && LayerFile(directory).attributes == nil)
        #expect(LayerFile(directory).mode == "1777")
    }
}
