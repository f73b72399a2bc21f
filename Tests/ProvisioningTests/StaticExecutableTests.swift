import Diagnostics
import Testing

@testable import Provisioning

@Suite struct StaticExecutableTests {
    /// A 64-bit little-endian program with one program header of type `kind`.
    private func program(kind: UInt8, loader: String = "", machine: UInt8 = 62) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: 120)
        bytes.replaceSubrange(0..<6, with: [0x7f, 0x45, 0x4c, 0x46, 2, 1])
        (bytes[16], bytes[18], bytes[32], bytes[54], bytes[56]) = (2, machine, 64, 56, 1)
        (bytes[64], bytes[72], bytes[96]) = (kind, 120, UInt8(loader.utf8.count + 1))
        return bytes + Array(loader.utf8) + [0]
    }

    private func refusal(of bytes: [UInt8]) -> ProvisionError? {
        do throws(ProvisionError) { _ = try StaticExecutable(bytes, name: "box") } catch { return error }
        return nil
    }

    @Test("a static program is taken and its architecture named") func accepted() throws {
        #expect(try StaticExecutable(program(kind: 1), name: "box").architecture == "x86_64")
        #expect(try StaticExecutable(program(kind: 1, machine: 183), name: "box").architecture == "aarch64")
    }

    @Test("a dynamically linked one is refused, and its loader named") func dynamic() {
        let error = refusal(of: program(kind: 3, loader: "/lib64/ld.so"))
        #expect(error?.message == "\"box\" is dynamically linked: it needs the loader \"/lib64/ld.so\" and libraries")
    }

    @Test("a script, an object file and an empty file are no programs") func noProgram() {
        var object = program(kind: 1)
        object[16] = 1
        for bytes in [Array("#!/bin/sh\n".utf8), object, []] {
            #expect(refusal(of: bytes)?.message.contains("is no program") == true)
        }
    }

    @Test("a file cut short anywhere is refused, never read beyond its end") func truncated() {
        let whole = program(kind: 3, loader: "/lib64/ld.so")
        for length in 0..<whole.count { #expect(refusal(of: Array(whole[..<length])) != nil) }
        var hostile = program(kind: 1)
        for index in 32..<40 { hostile[index] = 0xff }
        #expect(refusal(of: hostile)?.message.contains("cut short") == true)
    }
}
