internal import Diagnostics
internal import Glibc
internal import System

/// Sockets that keep a container's published ports from the host's own programs and from other containers while it runs.
///
/// No packet arrives at them: rules lead it elsewhere before.
final class PortReservation {
    private var sockets: [Int32] = []

    /// - Throws: `.conflict` that names the port where somebody has it.
    init(_ publications: [Publication], families: Set<InterfaceAddress.Family>) throws(ProvisionError) {
        for publication in publications {
            for port in publication.hostPorts {
                for family in families.sorted(by: { $0 == .ipv4 && $1 != .ipv4 }) {
                    if let address = publication.address, address.family != family { continue }
                    do throws(ProvisionError) {
                        sockets.append(try PortReservation.socket(publication, port: UInt16(port), family: family))
                    } catch {
                        sockets.forEach { close($0) }
                        sockets = []
                        throw error
                    }
                }
            }
        }
    }

    deinit { sockets.forEach { close($0) } }

    private static func socket(
        _ publication: Publication, port: UInt16, family: InterfaceAddress.Family
    ) throws(ProvisionError) -> Int32 {
        let kind = Int32((publication.transport == .tcp ? SOCK_STREAM : SOCK_DGRAM).rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        let domain = family == .ipv4 ? AF_INET : AF_INET6
        let number = try check(Glibc.socket(domain, kind, 0), "make a socket for", publication)
        var yes: Int32 = 1
        let size = socklen_t(MemoryLayout<Int32>.size)
        if family == .ipv6 { setsockopt(number, Int32(IPPROTO_IPV6), IPV6_V6ONLY, &yes, size) }
        // Connections of an earlier server may still be closing; who listens is found by listening.
        let listens = publication.transport == .tcp
        if listens { setsockopt(number, SOL_SOCKET, SO_REUSEADDR, &yes, size) }
        var result: Int32
        if family == .ipv4 {
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = port.bigEndian
            if let bytes = publication.address?.bytes {
                withUnsafeMutableBytes(of: &address.sin_addr) { $0.copyBytes(from: bytes) }
            }
            result = bound(number, &address)
        } else {
            var address = sockaddr_in6()
            address.sin6_family = sa_family_t(AF_INET6)
            address.sin6_port = port.bigEndian
            if let bytes = publication.address?.bytes {
                withUnsafeMutableBytes(of: &address.sin6_addr) { $0.copyBytes(from: bytes) }
            }
            result = bound(number, &address)
        }
        if result == 0, listens { result = listen(number, 1) }
        guard result == 0 else {
            let failure = errno
            close(number)
            let place = publication.address.map { " of \($0.address)" } ?? ""
            let what = "\(publication.transport.rawValue) port \(port)\(place)"
            switch failure {
            case EADDRINUSE:
                throw ProvisionError(
                    .conflict, "\(what) is in use on this host", hint: "publish another one, or stop who has it")
            case EADDRNOTAVAIL: throw ProvisionError(.conflict, "this host has no address for \(what)", hint: "see: ip address")
            default: throw systemError("publish", what, errno: failure)
            }
        }
        return number
    }

    private static func bound<Address>(_ number: Int32, _ address: inout Address) -> Int32 {
        withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(number, $0, socklen_t(MemoryLayout<Address>.size)) }
        }
    }
}
