import Foundation
import System
import SystemPackage
import Testing

/// A state with thousands of layers.
@Suite struct ManyLayersTests {
    /// Seconds of processor time that a command takes; only their ratio counts.
    private func work(_ arguments: [String]) throws -> (seconds: Double, lines: Int) {
        let script = """
            import os, subprocess, sys
            lines = subprocess.run(sys.argv[1:], stdout=subprocess.PIPE, check=True).stdout.count(b"\\n")
            times = os.times()
            print(times.children_user + times.children_system, lines)
            """
        let words = try runChecked(["python3", "-c", script] + arguments).text.split(whereSeparator: \.isWhitespace)
        return (try #require(Double(words[0])), try #require(Int(words[1])))
    }

    /// A hundred bases, each with apps of five packages, a third of them on other apps.
    private func program(_ name: String, count: Int, in directory: FilePath) throws -> Program {
        let program = Program(in: directory.appending(name))
        let script = """
            import hashlib, json, os, sys
            directory, count = sys.argv[1], int(sys.argv[2])
            digest = lambda text: "sha256:" + hashlib.sha256(text.encode()).hexdigest()
            for number in range(count):
                name = f"layer-{number}"
                packages = [
                    dict(name=f"package{place}", epoch=0, version=f"1.{number}", release="1", arch="x86_64", repo="demo",
                        location=f"Packages/p/package{place}.rpm", sha256=digest(f"{name} {place}")[7:], size=1000,
                        installedSize=2000, summary="one of many", reason="requires:libc.so.6()(64bit)",
                        requiredBy="package0-1-1.x86_64")
                    for place in range(5)]
                manifest = dict(schema=1, name=name, kind="app", release="demo", arch="x86_64", digest=digest(name),
                    request=digest("request " + name), command="provision app", created=1700000000, packages=packages,
                    patches=[], warnings=[], size=1000, fileCount=1)
                if number < 100:
                    manifest["kind"] = "base"
                else:
                    parent = f"layer-{number - 300 if number % 3 == 0 and number > 400 else number % 100}"
                    manifest["parent"] = dict(name=parent, digest=digest(parent))
                os.makedirs(f"{directory}/layers/{name}")
                with open(f"{directory}/layers/{name}/layer.json", "w") as file:
                    json.dump(manifest, file, indent=2, sort_keys=True)
            """
        try runChecked(["python3", "-c", script, program.state.string, String(count)])
        return program
    }

    @Test("ten thousand layers take ten times the work of a thousand, in a list and as a tree")
    func linear() throws {
        let directory = try TemporaryDirectory(prefix: "many-layers")
        let (few, many) = (
            try program("few", count: 1000, in: directory.path), try program("many", count: 10_000, in: directory.path)
        )
        for command in ["list", "tree"] {
            let (little, much) = (try work(few.arguments([command])), try work(many.arguments([command])))
            #expect(little.lines >= 1000 && much.lines >= 10_000 && much.lines < 10_010)
            // A hundred times where each layer looks at all others.
            #expect(much.seconds < 30 * little.seconds, "\(command): \(little.seconds) and \(much.seconds) seconds")
        }
        let shown = try many.succeed(["show", "layer-9999", "--json"])
        #expect(shown.contains("\"name\" : \"layer-9999\""))
    }
}
