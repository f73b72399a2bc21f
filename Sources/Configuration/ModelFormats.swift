internal import Model

extension ValueFormat<[MainConfiguration.TransactionFlag]> {
    static let transactionFlags = ValueFormat(
        allowed: "any of \(MainConfiguration.TransactionFlag.allCases.map(\.rawValue).joined(separator: ", ")); "
            + "others don't leave a usable root behind",
        parse: { text in
            guard let words = ValueFormat<[String]>.words.parse(text) else { return nil }
            let flags = words.compactMap { MainConfiguration.TransactionFlag(rawValue: $0.lowercased()) }
            return flags.count == words.count ? flags : nil
        },
        write: { $0.map(\.rawValue).joined(separator: " ") })
}

extension ValueFormat<TransportOptions.AddressFamily?> {
    static let addressFamily = ValueFormat(
        allowed: "4, 6, IPv4, IPv6, whatever",
        parse: {
            switch $0.lowercased() {
            case "4", "ipv4": .some(.v4)
            case "6", "ipv6": .some(.v6)
            case "whatever", "": .some(nil)
            default: nil
            }
        },
        write: { $0.map { $0 == .v4 ? "4" : "6" } ?? "whatever" })
}

extension ValueFormat<[KeyReference]> {
    /// Only the URLs: fingerprints stand in comments of their own (see `Directive`).
    static let keys = ValueFormat(
        allowed: "URLs: https://…, http://… or file:///…",
        parse: { text in
            guard let words = ValueFormat<[String]>.baseURLs.parse(text) else { return nil }
            return words.map { KeyReference(url: $0) }
        },
        write: { keys in
            // A file of which several keys are pinned is named once.
            let urls = keys.indices.filter { index in !keys[..<index].contains { $0.url == keys[index].url } }
            return urls.map { keys[$0].url }.joined(separator: "\n       ")
        })
}
