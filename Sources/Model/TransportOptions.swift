/// How a repository's files are fetched: what yum.conf says of certificates, proxies, credentials, time and rate.
public struct TransportOptions: Codable, Sendable, Hashable {
    /// Resolve host names to addresses of this family only.
    public enum AddressFamily: String, Codable, Sendable { case v4, v6 }

    public var verifyTLS: Bool = true
    /// Path of a file with the certificate authorities to trust; nil for the host's.
    public var caCertificate: String?
    public var clientCertificate: String?
    public var clientKey: String?
    /// A proxy's URL; the empty string for none, whatever the environment says; nil leaves it to the environment.
    public var proxy: String?
    public var proxyUser: String?
    public var proxyPassword: String?
    public var user: String?
    public var password: String?
    /// An OAuth 2 bearer token (RFC 6750); not sent on to another host that a server redirects to.
    public var bearerToken: String?
    public var userAgent: String?
    /// Seconds without the minimum rate after which a transfer is given up; also the time to connect in.
    public var timeout: Int = 30
    /// Bytes per second.
    public var minimumRate: Int = 1000
    /// How often a failed transfer is tried again.
    public var retries: Int = 10
    /// Bytes per second; nil for no limit.
    public var throttle: Int64?
    public var addressFamily: AddressFamily?

    public init() {}
}
