import FoundationEssentials
import System
import SystemPackage
import Testing

/// docs/architecture.md's module table, Package.swift and the imports in Sources say the same.
@Suite("the module table") struct ModuleTableTests {
    private static let checkout = FilePath(#filePath).removingLastComponent().removingLastComponent().removingLastComponent()
    /// What any module may import without the table saying so.
    private static let always: Set<String> = [
        "Diagnostics", "Model", "SystemPackage", "Glibc", "Synchronization", "FoundationEssentials", "Foundation", "Dispatch",
    ]

    private static func table() throws -> [String: Set<String>] {
        var table: [String: Set<String>] = [:]
        let text = try Files.readText(checkout.appending("docs/architecture.md"))
        for line in text.split(separator: "\n") where line.hasPrefix("| ") {
            let cells = line.split(separator: "|", omittingEmptySubsequences: false).map { $0.filter { $0 != " " } }
            guard cells.count == 5, cells[1] != "module" else { continue }
            for name in cells[1].split(separator: ",") {
                table[String(name)] = Set(cells[3].split(separator: ",").map(String.init))
            }
        }
        let everything = Set(table.keys).subtracting(["ProvisionCLI", "provision", "Provisioning"]).filter {
            !$0.hasPrefix("C") || $0.hasPrefix("Con")
        }
        table["Provisioning"] = everything
        return table
    }

    @Test("every folder under Sources stands in the table")
    func folders() throws {
        let folders = Set(try Files.names(in: Self.checkout.appending("Sources")))
        #expect(try Set(Self.table().keys) == folders)
    }

    @Test("no source file imports a module that the table doesn't allow it")
    func imports() throws {
        for (module, allowed) in try Self.table() {
            for (file, imports) in try Self.imports(of: module) {
                let unexpected = imports.subtracting(allowed).subtracting(Self.always).subtracting([module])
                #expect(unexpected.isEmpty, "\(file) imports \(unexpected.sorted())")
            }
        }
    }

    @Test("each C library is imported by one module")
    func cLibraries() throws {
        var importers: [String: Set<String>] = [:]
        for module in try Self.table().keys {
            for (_, imports) in try Self.imports(of: module) {
                for name in imports
                where ["CRpm", "CSolv", "CCurl", "CExpat", "CSQLite", "CYaml", "CZstd", "CLinux"].contains(name) {
                    importers[name, default: []].insert(module)
                }
            }
        }
        for (library, modules) in importers { #expect(modules.count == 1, "\(library) is imported by \(modules.sorted())") }
    }

    private static func imports(of module: String) throws -> [(String, Set<String>)] {
        try swiftFiles(in: checkout.appending("Sources").appending(module)).map { path in
            let text = try Files.readText(path)
            let names = text.split(separator: "\n").compactMap { line -> String? in
                let words = line.split(separator: " ")
                guard let index = words.firstIndex(of: "import"), index <= 1, index + 1 < words.count else { return nil }
                return String(words[index + 1])
            }
            return (path.string, Set(names))
        }
    }

    private static func swiftFiles(in directory: FilePath) throws -> [FilePath] {
        try Files.names(in: directory).flatMap { name -> [FilePath] in
            let path = directory.appending(name)
            if Files.isDirectory(path) { return try swiftFiles(in: path) }
            return name.hasSuffix(".swift") ? [path] : []
        }
    }
}
