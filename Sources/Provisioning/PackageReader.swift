internal import Diagnostics
internal import Model
internal import Statements
internal import System

/// Reads what statements tell of installed packages from a root's rpm database.
struct PackageReader {
    let rpm: RpmProgram

    /// Between fields, between files, and after each package: what no header's text holds.
    private static let field: Character = "\u{1f}"
    private static let item: Character = "\u{1d}"
    private static let record: Character = "\u{1e}"

    /// Sorted; without the public keys, which rpm keeps as packages.
    func packages(withFiles: Bool) throws(ProvisionError) -> [InstalledPackage] {
        var tags = [
            "%{NAME}", "%{EPOCHNUM}", "%{VERSION}", "%{RELEASE}", "%{ARCH}", "%{LICENSE}", "%{VENDOR}", "%{URL}", "%{SUMMARY}",
            "%{SOURCERPM}",
        ]
        if withFiles { tags.append("[%{FILENAMES}\(Self.item)]") }
        let root = try RootedDirectory(rpm.root)
        let text = try rpm.query(tags.joined(separator: String(Self.field)) + String(Self.record))
        var packages: [InstalledPackage] = []
        for line in text.split(separator: Self.record) {
            let fields = line.split(separator: Self.field, omittingEmptySubsequences: false).map(String.init)
            guard fields.count == tags.count, let epoch = UInt32(fields[1]) else {
                throw ProvisionError(.failed, "rpm answered with a package that can't be read: \"\(line.prefix(80))\"")
            }
            if fields[0] == "gpg-pubkey" { continue }
            func text(_ index: Int) -> String? { fields[index] == "(none)" || fields[index].isEmpty ? nil : fields[index] }
            var package = InstalledPackage(
                nevra: NEVRA(name: fields[0], epoch: epoch, version: fields[2], release: fields[3], arch: fields[4]),
                licence: text(5) ?? "", vendor: text(6), homepage: text(7), summary: text(8) ?? "", sourcePackage: text(9))
            if withFiles { package.files = try files(fields[10], in: root) }
            packages.append(package)
        }
        return packages.sorted { $0.nevra.description < $1.nevra.description }
    }

    /// What is a regular file in the root too: others have no content, and documentation may have been left out.
    private func files(_ text: String, in root: borrowing RootedDirectory) throws(ProvisionError) -> [InstalledPackage.File] {
        var files: [InstalledPackage.File] = []
        for path in text.split(separator: Self.item).map(String.init) {
            guard try root.status(path)?.kind == .file, let sha1 = try root.digest(of: path, algorithm: .sha1),
                let sha256 = try root.digest(of: path, algorithm: .sha256)
            else { continue }
            files.append(InstalledPackage.File(path: path, sha1: sha1, sha256: sha256))
        }
        return files
    }
}
