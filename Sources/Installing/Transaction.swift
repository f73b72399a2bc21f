internal import CRpm
internal import Diagnostics
internal import Glibc
internal import Model
internal import SystemPackage

/// One rpm transaction over verified packages: librpm's transaction set, in the order of its life.
final class Transaction {
    let set: OpaquePointer

    /// - Parameter root: the staged root's directory as this process sees it.
    init(root: String, noDocs: Bool) throws(ProvisionError) {
        guard let set = rpmtsCreate(), rpmtsSetRootDir(set, root) == 0 else {
            throw ProvisionError(.failed, "librpm can't make a transaction in \"\(root)\"", causes: RpmLibrary.takeErrors())
        }
        self.set = set
        // The host's plugins (its audit log, its D-Bus, its SELinux policy) have no business in another system's root.
        rpmtsSetFlags(set, rpmtransFlags(RPMTRANS_FLAG_NOPLUGINS.rawValue | (noDocs ? RPMTRANS_FLAG_NODOCS.rawValue : 0)))
        // PackageVerifier has read each file through the very descriptor that rpm gets, with all digests and signatures.
        // rpm's own pass would read and hash all of it once more: 0.3 s of 2.35 s of processor time for 180 packages of
        // 66 MiB. What rpm still checks while it installs: the header's digest when it reads the header again, and each
        // file's digest from that header as it writes the file.
        rpmtsSetVfyLevel(set, 0)
        rpmtsSetVfyFlags(set, provision_rpm_no_checks())
        rpmtsSetVSFlags(set, provision_rpm_no_signatures())
    }

    deinit { rpmtsFree(set) }

    /// Opens the database, making it where there is none.
    func openDatabase(_ database: RpmDatabase) throws(ProvisionError) {
        let opened = rpmtsOpenDB(set, O_RDWR | O_CREAT) == 0
        // librpm falls back to a database that stores nothing when it lacks the backend that it is asked for.
        guard opened, access(database.file.string, F_OK) == 0 else {
            throw ProvisionError(
                .unsupported, "this host's librpm can't make an rpm database of type \"\(database.backend)\"",
                causes: RpmLibrary.takeErrors())
        }
    }

    /// What rpm calls the state of its open database: another one whenever a package came or went.
    func databaseCookie() throws(ProvisionError) -> String {
        guard let database = rpmtsGetRdb(set), let cookie = rpmdbCookie(database) else {
            throw ProvisionError(.failed, "librpm can't tell the state of its database", causes: RpmLibrary.takeErrors())
        }
        defer { free(cookie) }
        return String(cString: cookie)
    }

    /// Names of all packages in the open database.
    func installedNames() -> Set<String> {
        let iterator = rpmdbIndexIteratorInit(rpmtsGetRdb(set), rpmDbiTag(RPMDBI_NAME.rawValue))
        defer { rpmdbIndexIteratorFree(iterator) }
        var names: Set<String> = []
        var key: UnsafeRawPointer?
        var length = 0
        while rpmdbIndexIteratorNext(iterator, &key, &length) == 0, let key {
            names.insert(String(decoding: UnsafeRawBufferPointer(start: key, count: length), as: UTF8.self))
        }
        return names
    }

    /// Puts the keys into the database, as `rpmkeys --import` does; those that are there already stay as they are.
    func importKeys(_ keys: KeyStore) throws(ProvisionError) {
        for entry in keys.entries {
            guard rpmtsImportPubkey(set, entry.packets, entry.packets.count) == RPMRC_OK else {
                throw KeyStore.unusable(entry.key)
            }
        }
    }

    /// Adds a package to install or, where an older one is installed, to upgrade. `index` comes back in callbacks.
    func add(_ header: OpaquePointer, index: Int) throws(ProvisionError) {
        guard rpmtsAddInstallElement(set, header, UnsafeRawPointer(bitPattern: index + 1), 1, nil) == 0 else {
            let name = RpmHeader(header).nevra?.description ?? "a package"
            throw ProvisionError(.failed, "rpm refuses to install \"\(name)\"", causes: RpmLibrary.takeErrors())
        }
    }

    /// Puts the packages into the order of their dependencies, and returns their indices in it.
    func order() throws(ProvisionError) -> [Int] {
        guard rpmtsOrder(set) == 0 else {
            throw ProvisionError(.failed, "rpm can't order the packages", causes: RpmLibrary.takeErrors())
        }
        rpmtsClean(set)
        let iterator = rpmtsiInit(set)
        defer { rpmtsiFree(iterator) }
        var order: [Int] = []
        while let element = rpmtsiNext(iterator, rpmElementTypes(TR_ADDED.rawValue)) {
            order.append(Int(bitPattern: rpmteKey(element)) - 1)
        }
        return order
    }

    /// Installed packages that go away, with the index of what updates or obsoletes each; in the order of their names.
    func replaced() -> [TransactionTrace.Replacement] {
        let iterator = rpmtsiInit(set)
        defer { rpmtsiFree(iterator) }
        var result: [TransactionTrace.Replacement] = []
        while let element = rpmtsiNext(iterator, rpmElementTypes(TR_REMOVED.rawValue)) {
            func text(_ value: UnsafePointer<CChar>?) -> String { value.map { String(cString: $0) } ?? "" }
            let old = NEVRA(
                name: text(rpmteN(element)), epoch: UInt32(text(rpmteE(element))) ?? 0, version: text(rpmteV(element)),
                release: text(rpmteR(element)), arch: text(rpmteA(element)))
            let new = rpmteDependsOn(element).flatMap { Int(bitPattern: rpmteKey($0)) }.map { $0 - 1 }
            result.append(TransactionTrace.Replacement(old: old, new: new))
        }
        return result.sorted { $0.old.description < $1.old.description }
    }

    /// Installs. Callbacks go to `observer`, which opens the package files.
    func run(_ observer: TransactionObserver) throws(ProvisionError) {
        observer.watch(set)
        // As dnf: the solver decides on versions. The architecture is the target's, which needn't be the host's.
        let filters = RPMPROB_FILTER_OLDPACKAGE.rawValue | RPMPROB_FILTER_IGNOREARCH.rawValue
        let result = rpmtsRun(set, nil, rpmprobFilterFlags(filters))
        let problems = problems()
        if result == 0 && problems.isEmpty { return }
        throw ProvisionError(
            .failed, "rpm can't install the packages", causes: problems.isEmpty ? RpmLibrary.takeErrors() : problems)
    }

    private func problems() -> [String] {
        guard let problems = rpmtsProblems(set) else { return [] }
        defer { rpmpsFree(problems) }
        guard let iterator = rpmpsInitIterator(problems) else { return [] }
        defer { rpmpsFreeIterator(iterator) }
        var sentences: [String] = []
        while let problem = rpmpsiNext(iterator) {
            guard let text = rpmProblemString(problem) else { continue }
            sentences.append(String(cString: text))
            free(text)
        }
        return sentences
    }
}
