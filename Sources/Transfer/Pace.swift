/// How much has come since the beginning, so that all transfers with one limit keep it together.
///
/// libcurl's own limit is one transfer's, and takes hold only after what it reads at once: small files would pass at full speed.
final class Pace {
    private let began = ContinuousClock.now
    /// Bytes, by the limit that they fall under.
    private var bytes: [Int64: UInt64] = [:]

    func add(_ count: Int, under limit: Int64?) {
        if let limit { bytes[limit, default: 0] += UInt64(count) }
    }

    /// Whether more came than `limit` bytes a second allow by now.
    func isAhead(of limit: Int64?) -> Bool {
        guard let limit, let count = bytes[limit] else { return false }
        return Double(count) > Double(limit) * ((.now - began) / .seconds(1))
    }
}
