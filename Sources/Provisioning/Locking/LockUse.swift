internal import Configuration
internal import Diagnostics
internal import Layers
internal import Model
internal import Repositories

extension LockFile {
    /// Refuses a request without the yum.conf that the lock's was made with: another release's repositories would be asked.
    ///
    /// - Throws: `.usage`.
    func checkConfigurationFile(_ asked: BuildRequest) throws(ProvisionError) {
        guard request.kind == .base, request.release == BuildConfiguration.customID, asked.yumConfiguration == nil else {
            return
        }
        throw ProvisionError(
            .usage, "the lock was made with a yum.conf, and this request names none", hint: "name the same file: -c YUM.CONF")
    }

    /// Refuses a build that asks for something else than the lock was made for.
    ///
    /// - Throws: `.usage` with what differs.
    func check(_ asked: BuildRequest, _ configuration: BuildConfiguration, parent: Layer?) throws(ProvisionError) {
        let differences = request.differences(from: LockRequest(asked, configuration, parent: parent))
        guard !differences.isEmpty else { return }
        throw ProvisionError(
            .usage, "the lock is stale: it was made for another request",
            hint: "ask for the same, or make the lock again with: provision lock",
            causes: differences.map { "\($0.what): the lock has \($0.old), this request \($0.new)" })
    }

    /// The configuration's repositories with the keys that the lock pins, and the lock's places beside their own.
    func repositories(_ configured: [RepositoryConfiguration]) -> [BuildRepository] {
        configured.map { configuration in
            guard let locked = repositories.first(where: { $0.id == configuration.id }) else {
                let source = PackageSource(repository: configuration.id, baseURLs: configuration.baseURLs)
                return BuildRepository(configuration: configuration, source: source, timestamp: 0)
            }
            var configuration = configuration
            configuration.keys = keys.filter { locked.keys.contains($0.fingerprint) }.map {
                KeyReference(url: $0.url, fileName: $0.file, fingerprint: $0.fingerprint)
            }
            let source = PackageSource(repository: locked.id, baseURLs: configuration.baseURLs)
            let others = PackageSource(repository: locked.id, baseURLs: locked.urls).baseURLs
            return BuildRepository(
                configuration: configuration,
                source: PackageSource(repository: locked.id, baseURLs: (source.baseURLs + others).uniqued { $0 }),
                timestamp: locked.timestamp)
        }
    }
}
