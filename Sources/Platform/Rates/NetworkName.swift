import Foundation

/// The network that an address belongs to, as far as one customer of a provider reaches: an IPv4 address itself, and the first 64 bits of an
/// IPv6 address, of which whoever has one has 2⁶⁴.
package enum NetworkName {
    /// - Returns: the address itself, shortened, where it is none that can be read.
    package static func of(_ address: String) -> String {
        guard address.contains(":") else { return String(address.prefix(64)) }
        var parsed = in6_addr()
        let plain = String(address.prefix { $0 != "%" })
        guard inet_pton(AF_INET6, plain, &parsed) == 1 else { return String(address.prefix(64)) }
        let bytes = withUnsafeBytes(of: parsed) { Array($0) }
        // An IPv4 client of a socket that speaks both (RFC 4291, section 2.5.5.2).
        if bytes[..<10].allSatisfy({ $0 == 0 }), bytes[10] == 0xFF, bytes[11] == 0xFF {
            return bytes[12...].map(String.init).joined(separator: ".")
        }
        let groups = stride(from: 0, to: 8, by: 2).map { String(UInt16(bytes[$0]) << 8 | UInt16(bytes[$0 + 1]), radix: 16) }
        return groups.joined(separator: ":") + "::/64"
    }
}
