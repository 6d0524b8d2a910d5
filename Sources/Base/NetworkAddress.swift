import Foundation

/// An IPv4 or IPv6 address without its port. An IPv4-mapped IPv6 address (`::ffff:192.0.2.1`) equals its IPv4 address.
package struct NetworkAddress: Hashable, Sendable {
    /// 4 or 16 bytes, in network order.
    package let bytes: [UInt8]

    /// - Parameter text: in the forms of RFC 4291 and RFC 5952, without port, brackets or zone.
    /// - Returns: nil for any other text.
    package init?(_ text: some StringProtocol) {
        // No address is longer than 45 bytes.
        guard text.utf8.count <= 45, !text.hasNUL else { return nil }
        var (four, six) = (in_addr(), in6_addr())
        if inet_pton(AF_INET, String(text), &four) == 1 {
            bytes = withUnsafeBytes(of: four) { Array($0) }
        } else if inet_pton(AF_INET6, String(text), &six) == 1 {
            let all = withUnsafeBytes(of: six) { Array($0) }
            bytes = all.starts(with: Self.mappedPrefix) ? Array(all.suffix(4)) : all
        } else {
            return nil
        }
    }

    private static let mappedPrefix: [UInt8] = Array(repeating: 0, count: 10) + [0xFF, 0xFF]

    /// The range that is assigned to one client: an IPv4 address, or the /64 of an IPv6 address. A client with one
    /// address of a /64 usually has all of them and can use a new one for every request.
    package var network: NetworkRange { NetworkRange(self, prefix: bytes.count == 4 ? 32 : 64) }
}

/// A range of addresses, such as `10.0.0.0/8` or `2001:db8::/32`.
package struct NetworkRange: Hashable, Sendable {
    private let base: [UInt8]
    private let prefix: Int

    /// - Parameter prefix: the number of common bits; the further bits of `address` are ignored.
    package init(_ address: NetworkAddress, prefix: Int) {
        precondition((0...address.bytes.count * 8).contains(prefix), "a prefix is not longer than its address")
        self.prefix = prefix
        base = Self.masked(address.bytes, prefix)
    }

    /// - Parameter text: CIDR notation, or an address, which is a range of one.
    /// - Returns: nil for any other text.
    package init?(_ text: some StringProtocol) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let first = parts.first, let address = NetworkAddress(first) else { return nil }
        guard parts.count == 2 else {
            self.init(address, prefix: address.bytes.count * 8)
            return
        }
        guard parts[1].utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }),
            let prefix = Int(parts[1])
        else { return nil }
        // The prefix of an IPv4-mapped address counts the 96 bits before it too.
        let mapped = first.contains(":") && address.bytes.count == 4 ? prefix - 96 : prefix
        guard (0...address.bytes.count * 8).contains(mapped) else { return nil }
        self.init(address, prefix: mapped)
    }

    package func contains(_ address: NetworkAddress) -> Bool {
        address.bytes.count == base.count && Self.masked(address.bytes, prefix) == base
    }

    private static func masked(_ bytes: [UInt8], _ prefix: Int) -> [UInt8] {
        bytes.enumerated().map { index, byte in
            let kept = min(max(prefix - index * 8, 0), 8)
            return kept == 8 ? byte : byte & ~(0xFF >> UInt8(kept))
        }
    }
}

extension NetworkRange: CustomStringConvertible {
    /// The bytes in hexadecimal and the number of bits: equal ranges have equal descriptions.
    package var description: String { "\(Hex.encode(base))/\(prefix)" }
}
