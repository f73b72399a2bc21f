public import Diagnostics
public import SystemPackage

extension BuildConfiguration {
    /// The configuration that `--release` and `-c` ask for, before options change it.
    ///
    /// A yum.conf is used with the release that is given, else with the one that it names itself (`# provision: release ID`, in files
    /// that provision wrote), else alone. Without a yum.conf it is the given release, else `fallback`.
    ///
    /// - Throws: `.notFound` for an unknown release, `.configuration` for a wrong file.
    public static func load(
        release: String?, file: FilePath?, fallback: String, catalog: ReleaseCatalog
    ) throws(ProvisionError) -> BuildConfiguration {
        guard let file else { return BuildConfiguration(release: try catalog.load(release ?? fallback)) }
        let parsed = try YumConfigurationFile(reading: file)
        guard let id = release ?? parsed.releaseID else { return BuildConfiguration(file: parsed, release: nil) }
        return BuildConfiguration(file: parsed, release: try catalog.load(id))
    }

    /// The configuration that a layer was made with, from what its manifest holds: children use the same repositories.
    ///
    /// - Parameters:
    ///   - text: the manifest's yum.conf.
    ///   - releaseID: the manifest's release, `custom` for none.
    ///   - name: what messages call the text.
    public static func load(
        text: String, releaseID: String, name: String, catalog: ReleaseCatalog
    ) throws(ProvisionError) -> BuildConfiguration {
        let parsed = try YumConfigurationFile(parsing: text, path: name)
        return BuildConfiguration(file: parsed, release: releaseID == customID ? nil : try catalog.load(releaseID))
    }
}
