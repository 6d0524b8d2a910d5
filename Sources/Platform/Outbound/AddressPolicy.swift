package import Base

/// The addresses that requests to a URL named by a user may reach: public unicast addresses, and the ranges that the
/// operator allows besides.
///
/// Sources: the IANA registries of special-purpose addresses, RFC 6890 and the sections named below.
package struct AddressPolicy: Sendable {
    package struct ParseError: Error, CustomStringConvertible {
        package let entry: String
        package var description: String { "'\(entry)' is neither true nor a range such as 10.0.0.0/8" }
    }

    /// Public addresses alone.
    package static let publicAddresses = AddressPolicy(allowing: [])

    private let allowed: [NetworkRange]

    private init(allowing allowed: [NetworkRange]) { self.allowed = allowed }

    /// - Parameter privateNetworks: ranges, or the one word `true` for the loopback and private ones of RFC 1918 and
    ///   RFC 4193. Link-local addresses, such as those that give out credentials of cloud machines, are reached only
    ///   where a range names them.
    package init(privateNetworks: [String]) throws(ParseError) {
        guard privateNetworks != ["true"] else {
            self.init(allowing: Self.privateNetworks)
            return
        }
        var ranges: [NetworkRange] = []
        for entry in privateNetworks {
            guard let range = NetworkRange(entry) else { throw ParseError(entry: entry) }
            ranges.append(range)
        }
        self.init(allowing: ranges)
    }

    package func allows(_ address: NetworkAddress) -> Bool { isAllowedByOperator(address) || Self.isPublic(address) }

    func isAllowedByOperator(_ address: NetworkAddress) -> Bool { allowed.contains { $0.contains(address) } }

    private static func isPublic(_ address: NetworkAddress) -> Bool {
        if let embedded = translated(address) { return isPublic(embedded) }
        guard address.bytes.count == 16 else { return !reserved4.contains { $0.contains(address) } }
        return globalUnicast.contains(address) && !reserved6.contains { $0.contains(address) }
    }

    /// The IPv4 address that a NAT64 translator with the well-known prefix connects to: RFC 6052, section 2.1.
    private static func translated(_ address: NetworkAddress) -> NetworkAddress? {
        guard nat64.contains(address) else { return nil }
        return NetworkAddress(address.bytes.suffix(4).map(String.init).joined(separator: "."))
    }

    private static let privateNetworks = ranges([
        "127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "::1", "fc00::/7",
    ])

    private static let reserved4 = ranges([
        "0.0.0.0/8",  // This network: Linux connects 0.0.0.0 to itself.
        "10.0.0.0/8",
        "100.64.0.0/10",  // Shared by customers of a network (RFC 6598), and the metadata address of one cloud.
        "127.0.0.0/8",
        "168.63.129.16",  // The virtual host address of Azure, in a public range.
        "169.254.0.0/16",  // Link-local, and the metadata address of most clouds.
        "172.16.0.0/12",
        "192.0.0.0/24",  // IETF protocol assignments, and the metadata address of one cloud.
        "192.0.2.0/24",  // Documentation.
        "192.88.99.0/24",  // Relays of 6to4.
        "192.168.0.0/16",
        "198.18.0.0/15",  // Benchmarks.
        "198.51.100.0/24",  // Documentation.
        "203.0.113.0/24",  // Documentation.
        "224.0.0.0/3",  // Multicast, reserved, broadcast.
    ])

    /// Loopback, mapped, site-local, unique local, link-local and multicast addresses lie outside of it.
    private static let globalUnicast = range("2000::/3")
    private static let nat64 = range("64:ff9b::/96")

    private static let reserved6 = ranges([
        "2001::/23",  // IETF protocol assignments, of them Teredo, which holds an IPv4 address.
        "2001:db8::/32",  // Documentation.
        "2002::/16",  // 6to4, which holds an IPv4 address.
        "3fff::/20",  // Documentation.
    ])

    private static func range(_ text: String) -> NetworkRange {
        guard let range = NetworkRange(text) else { preconditionFailure("\(text) is no range") }
        return range
    }

    private static func ranges(_ texts: [String]) -> [NetworkRange] { texts.map(range) }
}
