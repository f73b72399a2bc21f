internal import Configuration
internal import Diagnostics
internal import Model

/// What an index must withstand before anything in it is believed.
struct IndexChecks {
    let keys: KeyFinder
    let policy: MetadataPolicy
    let progress: any ProgressSink

    /// - Throws: `.configuration` where none is named; as `KeyFinder.find`.
    func trustedKeys(of repository: RepositoryConfiguration) throws -> [TrustedKey] {
        guard !repository.keys.isEmpty else {
            throw ProvisionError(
                .configuration, "the metadata of \(repository.label) must be signed, but no key is named to check it with",
                hint: "add gpgkey to it, or set repo_gpgcheck=0")
        }
        return try keys.find(repository.keys, transport: repository.transport, progress: progress)
    }

    /// - Parameter signature: the content of repomd.xml.asc, or why it can't be had.
    /// - Throws: `.verification`, naming the repository, the key's id and what is wrong.
    func check(
        signature: Result<[UInt8], ProvisionError>?, over document: [UInt8], by trusted: [TrustedKey],
        of repository: RepositoryConfiguration
    ) throws {
        let what = "the metadata of \(repository.label)"
        let bytes: [UInt8]
        switch signature {
        case .success(let found): bytes = found
        case .failure(let error):
            throw ProvisionError(
                .verification, "\(what) is not signed: there is no repomd.xml.asc",
                hint: "repo_gpgcheck=0 accepts unsigned metadata", causes: error.causes)
        case nil: throw ProvisionError(.verification, "\(what) is not signed")
        }
        guard let complaint = try verifyDetached(signature: bytes, data: document, keys: trusted).complaint else { return }
        throw ProvisionError(
            .verification, "\(what) is refused: \(complaint)",
            hint: "trusted for it: " + trusted.map { "\($0.fingerprint) (\($0.userID))" }.joined(separator: ", "))
    }

    /// Seconds: clocks differ.
    private static let toleratedFuture: Int64 = 2 * 86400

    /// - Throws: `.verification` where it is of the future, or older than what was seen before, unless that is allowed: then it is told.
    func checkAge(
        of repomd: Repomd, after state: RepositoryState?, in repository: RepositoryConfiguration
    ) throws(ProvisionError) {
        let age = currentSeconds() - Int64(clamping: repomd.timestamp)
        if age < -Self.toleratedFuture, !policy.allowsOlder {
            // Taken for the newest, it would make all that comes later look old.
            throw ProvisionError(
                .verification, "the metadata of \(repository.label) says that it was made in the future",
                hint: "if this host's clock is right, --allow-older-metadata accepts it",
                causes: ["its timestamp is \(repomd.timestamp), now is \(currentSeconds())"])
        }
        if repomd.timestamp > 0 {
            progress.detail("the metadata of \(repository.label) is \(max(0, age / 86400)) days old")
        }
        guard let state, isOlder(repomd, than: state, in: repository) else { return }
        let words = "the metadata of \(repository.label) is older than what was seen before"
        if policy.allowsOlder { return progress.warn(words) }
        throw ProvisionError(
            .verification, words,
            hint: "a mirror may lag behind, or somebody holds updates back from you; --allow-older-metadata accepts it",
            causes: [
                "revision \(repomd.revision ?? "none") of \(repomd.timestamp), after "
                    + "\(state.newestRevision ?? "none") of \(state.newestTimestamp)"
            ])
    }

    /// Whether something newer was seen of the repository.
    func isOlder(_ repomd: Repomd, than state: RepositoryState, in repository: RepositoryConfiguration) -> Bool {
        let floor = state.floor(signed: repository.repoGPGCheck, now: currentSeconds())
        return repomd.isOlder(thanRevision: floor, timestamp: state.newestTimestamp)
    }
}
