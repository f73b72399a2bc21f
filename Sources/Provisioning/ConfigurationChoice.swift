internal import Configuration
internal import Diagnostics
internal import Layers
internal import Model
internal import SystemPackage

extension BuildRequest {
    /// The precedence of configurations: options over -c over the parent's over the release.
    func configuration(parent: Layer?, context: Context) throws -> BuildConfiguration {
        let releases = Releases(context: context)
        let manifest = parent?.manifest
        let given = release ?? manifest.flatMap { $0.release == BuildConfiguration.customID ? nil : $0.release }
        var configuration: BuildConfiguration
        if yumConfiguration == nil, release == nil, let manifest {
            guard let text = manifest.yumConfiguration else {
                throw ProvisionError(
                    .usage, "layer \"\(manifest.name)\" doesn't say of which repositories it was made",
                    hint: "name them with --release or -c")
            }
            configuration = try .load(
                text: text, releaseID: manifest.release, name: parent!.directory.appending("layer.json").string,
                catalog: releases.catalog)
        } else {
            configuration = try .load(
                release: given, file: yumConfiguration, fallback: releases.defaultRelease(), catalog: releases.catalog)
        }
        var overrides = Overrides()
        overrides.releasever = releaseVersion
        overrides.architecture = architecture ?? manifest?.arch
        overrides.addedRepositories = addedRepositories
        overrides.enabledRepositories = enabledRepositories
        overrides.disabledRepositories = disabledRepositories
        overrides.settings = settings
        overrides.gpgcheck = checksSignatures ? nil : false
        try configuration.apply(overrides)
        return configuration
    }
}
