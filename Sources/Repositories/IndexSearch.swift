internal import Configuration
internal import Diagnostics
internal import Model
internal import Transfer

/// One repository on its way to an index that can be accepted: the mirrors that are left, and what the others were refused for.
struct IndexSearch {
    let repository: RepositoryConfiguration
    let directory: RepositoryDirectory
    /// What is remembered of it.
    let state: RepositoryState?
    /// Base URLs without trailing slash, in order of preference.
    var mirrors: [String] = []
    /// What a metalink says that repomd.xml must be.
    var pinned: [ContentDigest] = []
    var result: Result<Generation, ProvisionError>?
    private(set) var refusals: [(mirror: String, error: ProvisionError)] = []

    /// A repomd.xml as a mirror gave it.
    struct Offer {
        let mirror: String
        let document: [UInt8]
        let digest: ContentDigest
    }

    init(_ repository: RepositoryConfiguration, cache: RepositoryDirectory, state: RepositoryState?) {
        self.repository = repository
        self.directory = cache
        self.state = state
    }

    /// Whether the signature of this very document held before, by the keys that are trusted now.
    func isVerified(_ offer: Offer) -> Bool {
        state?.repomd == offer.digest && state?.verifiedBy == repository.keysIdentity
    }

    /// Leaves a mirror behind; settles the search where it was the last.
    mutating func refuse(_ mirror: String, for error: ProvisionError) {
        refusals.append((mirror, error))
        mirrors.removeAll { $0 == mirror }
        if mirrors.isEmpty { result = .failure(failure(nil)) }
    }

    /// What to say when no mirror is left: what each one gave for a reason.
    ///
    /// - Parameter last: why none of the mirrors that are left could be asked.
    func failure(_ last: ProvisionError?) -> ProvisionError {
        if refusals.isEmpty, let last {
            return ProvisionError(
                last.code,
                "cannot load \(repository.label)" + (last.code == .verification ? ": \(last.message)" : ""),
                hint: last.hint, causes: last.causes)
        }
        let verification = refusals.first { $0.error.code == .verification }
        if refusals.count == 1, last == nil, let verification { return verification.error }
        return ProvisionError(
            verification?.error.code ?? .unreachable,
            "cannot load \(repository.label): no mirror has metadata that can be accepted",
            hint: verification?.error.hint,
            causes: refusals.map { "\(withoutCredentials($0.mirror)): \($0.error)" } + (last?.causes ?? []))
    }
}
