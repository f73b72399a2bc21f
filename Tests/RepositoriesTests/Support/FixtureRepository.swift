import Configuration
import Model
import System
import SystemPackage

/// A repository of nothing but metadata, written by hand into a directory.
struct FixtureRepository {
    let directory: FilePath
    var revision = "1"
    var timestamp = 1000
    /// Type, file name and content, in the order of repomd.xml.
    var files: [(type: String, name: String, content: String)] = [
        ("primary", "primary.xml", "<metadata packages=\"0\"/>"),
        ("filelists", "filelists.xml", "<filelists packages=\"0\"/>"),
    ]

    init(_ directory: FilePath) throws {
        self.directory = directory
        try write()
    }

    var url: String { "file://\(directory)" }

    func write() throws {
        let repodata = directory.appending("repodata")
        try Files.makeDirectory(repodata)
        var records = ""
        for (type, name, content) in files {
            let digest = sha256(of: content)
            try Files.write(content, to: repodata.appending("\(digest.hex)-\(name)"))
            records += record(type, location: "repodata/\(digest.hex)-\(name)", digest: digest, size: content.utf8.count)
        }
        try Files.write(document(records), to: repodata.appending("repomd.xml"))
    }

    func document(_ records: String) -> String {
        """
        <?xml version="1.0" encoding="UTF-8"?>
        <repomd xmlns="http://linux.duke.edu/metadata/repo" xmlns:rpm="http://linux.duke.edu/metadata/rpm">
        <revision>\(revision)</revision>
        \(records)</repomd>
        """
    }

    func record(_ type: String, location: String, digest: ContentDigest, size: Int) -> String {
        """
        <data type="\(type)"><checksum type="\(digest.algorithm.rawValue)">\(digest.hex)</checksum>
        <location href="\(location)"/><timestamp>\(timestamp)</timestamp><size>\(size)</size></data>

        """
    }

    func configuration(id: String = "test") -> RepositoryConfiguration {
        var configuration = RepositoryConfiguration(id: id, name: "Test")
        configuration.baseURLs = [url]
        return configuration
    }
}
