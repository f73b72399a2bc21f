internal import Diagnostics
internal import Glibc

/// The time that a build gives to what it makes, instead of the clock's, so that the same build is the same bytes on another day.
enum SourceDate {
    /// SOURCE_DATE_EPOCH of our environment, as reproducible-builds.org specifies it: seconds since 1970; nil where it isn't set.
    ///
    /// - Throws: `.usage` where it isn't a number.
    static func requested() throws(ProvisionError) -> Int64? {
        guard let text = getenv("SOURCE_DATE_EPOCH").map({ String(cString: $0) }), !text.isEmpty else { return nil }
        guard let seconds = Int64(text), seconds >= 0 else {
            throw ProvisionError(
                .usage, "SOURCE_DATE_EPOCH is \"\(text)\", not a number of seconds since 1970",
                hint: "unset it, or set it as: export SOURCE_DATE_EPOCH=$(date +%s)")
        }
        return seconds
    }
}
