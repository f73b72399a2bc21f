internal import CRpm
internal import Diagnostics
internal import Model

/// A job's public keys, unpacked and checked against the fingerprints that they are pinned by.
struct KeyStore {
    struct Entry {
        let key: TrustedKey
        /// One certificate, as OpenPGP packets.
        let packets: [UInt8]
    }

    let entries: [Entry]

    /// - Throws: `.verification` where a key isn't what its fingerprint says, or none that librpm can use.
    init(_ keys: [TrustedKey]) throws(ProvisionError) {
        var entries: [Entry] = []
        for key in keys { entries.append(Entry(key: key, packets: try KeyStore.unpack(key))) }
        self.entries = entries
    }

    /// The key or subkey with this id (sixteen hexadecimal digits, upper case), whoever trusts it.
    func key(withID id: String) -> TrustedKey? {
        entries.first { ([$0.key.fingerprint] + $0.key.subkeys).contains { $0.hasSuffix(id) } }?.key
    }

    /// The keys with these fingerprints, in the job's order.
    func keys(withFingerprints fingerprints: [String]) -> [TrustedKey] {
        entries.map(\.key).filter { fingerprints.contains($0.fingerprint) }
    }

    private static func unpack(_ key: TrustedKey) throws(ProvisionError) -> [UInt8] {
        var packets: UnsafeMutablePointer<UInt8>?
        var count = 0
        let kind = pgpParsePkts(key.armored, &packets, &count)
        defer { free(packets) }
        // librpm takes one certificate at a time and silently ignores what follows it.
        var length = 0
        guard kind == PGPARMOR_PUBKEY, let packets, pgpPubKeyCertLen(packets, count, &length) == 0 else {
            throw ProvisionError(.verification, "the key \(key.fingerprint) (\(key.userID)) is not an OpenPGP public key")
        }
        var fingerprint: UnsafeMutablePointer<UInt8>?
        var fingerprintLength = 0
        defer { free(fingerprint) }
        guard pgpPubkeyFingerprint(packets, length, &fingerprint, &fingerprintLength) == 0, let fingerprint else {
            throw unusable(key)
        }
        let found = uppercaseHexadecimal(UnsafeBufferPointer(start: fingerprint, count: fingerprintLength))
        guard found == key.fingerprint else {
            throw ProvisionError(
                .verification, "the key of \(key.userID) has the fingerprint \(found), not \(key.fingerprint) as pinned")
        }
        return Array(UnsafeBufferPointer(start: packets, count: length))
    }

    static func unusable(_ key: TrustedKey) -> ProvisionError {
        ProvisionError(
            .verification, "rpm can't use the key \(key.fingerprint) (\(key.userID))",
            hint: "rpm verifies with RSA, DSA and Ed25519 keys", causes: RpmLibrary.takeErrors())
    }
}

/// librpm's handle for a set of keys.
struct Keyring: ~Copyable {
    let handle: OpaquePointer

    /// The keys of `store` with these fingerprints and their subkeys, and no other: what it verifies was signed by one of them.
    init(_ store: KeyStore, fingerprints: [String]) throws(ProvisionError) {
        handle = rpmKeyringNew()
        for entry in store.entries where fingerprints.contains(entry.key.fingerprint) {
            guard let key = rpmPubkeyNew(entry.packets, entry.packets.count) else { throw KeyStore.unusable(entry.key) }
            rpmKeyringAddKey(handle, key)
            var count: Int32 = 0
            if let subkeys = rpmGetSubkeys(key, &count) {
                for index in 0..<Int(count) {
                    rpmKeyringAddKey(handle, subkeys[index])
                    rpmPubkeyFree(subkeys[index])
                }
                free(subkeys)
            }
            rpmPubkeyFree(key)
        }
    }

    deinit { rpmKeyringFree(handle) }
}

func uppercaseHexadecimal(_ bytes: some Sequence<UInt8>) -> String {
    bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16, uppercase: true) }.joined()
}
