import Diagnostics
import Model
import Testing

@testable import Patches

@Suite("which patches apply")
struct ResolutionTests {
    @Test("without a word those that are on by default; each other one is reported as off")
    func byDefault() throws {
        let resolved = try shippedPatches.resolve(defaults: nil)
        #expect(
            resolved.selections.map(\.name) == ["machine-id", "pam-loginuid", "pam-selinux", "resolv-conf", "securetty"])
        #expect(
            resolved.off == [
                PatchReport(
                    name: "gpgcheck", outcome: .off,
                    detail: "not on by default; --patch gpgcheck would switch gpgcheck off in the root's own yum.repos.d"),
                PatchReport(
                    name: "root-password", outcome: .off,
                    detail: "not on by default; --patch root-password would give root a password"),
            ])
    }

    @Test("a release's list, what is added and what is taken away")
    func chosen() throws {
        let resolved = try shippedPatches.resolve(
            defaults: ["pam-selinux", "machine-id"],
            enabled: [PatchSelection(parsing: "root-password=a=b"), PatchSelection(parsing: "pam-selinux")],
            disabled: ["machine-id"])
        #expect(
            resolved.selections == [PatchSelection(name: "pam-selinux"), PatchSelection(name: "root-password", value: "a=b")])
        #expect(resolved.off.first { $0.name == "machine-id" }?.detail == "switched off")
        #expect(resolved.off.map(\.outcome).allSatisfy { $0 == .off })
        #expect(resolved.off.count == shippedNames.count - 2)
    }

    @Test("an unknown name suggests the nearest")
    func unknown() throws {
        let error = try failure { try shippedPatches.resolve(defaults: nil, disabled: ["pam-selinus"]) }
        #expect(error.code == .usage)
        #expect(error.message == "there is no patch \"pam-selinus\"")
        #expect(error.hint?.hasPrefix("did you mean \"pam-selinux\"?") == true)
        #expect(try failure { try shippedPatches.resolve(defaults: ["x"]) }.code == .configuration)
        #expect(try failure { try shippedPatches.load("../settings") }.code == .notFound)
    }

    @Test("values that are missing, empty or not wanted are refused")
    func values() throws {
        for (text, message) in [
            ("root-password", "needs a value"), ("root-password=", "is empty"), ("gpgcheck=1", "takes no value"),
        ] {
            let error = try failure {
                try shippedPatches.resolve(defaults: nil, enabled: [PatchSelection(parsing: text)])
            }
            #expect(error.code == .usage)
            #expect(error.message.contains(message))
        }
    }

    @Test("on and off at once is refused")
    func both() throws {
        let error = try failure {
            try shippedPatches.resolve(defaults: nil, enabled: [PatchSelection(name: "gpgcheck")], disabled: ["gpgcheck"])
        }
        #expect(error.message == "the patch \"gpgcheck\" is switched both on and off")
    }

    @Test("the fingerprint tells values apart without holding them, nor does a description")
    func secrecy() throws {
        let one = PatchSelection(name: "root-password", value: "hunter2")
        let two = PatchSelection(name: "root-password", value: "hunter3")
        let text = try shippedPatches.resolve(defaults: [], enabled: [one]).fingerprint
        #expect(try text != shippedPatches.resolve(defaults: [], enabled: [two]).fingerprint)
        #expect(!text.contains("hunter2"))
        #expect("\(one)" == "root-password=…")
    }
}
