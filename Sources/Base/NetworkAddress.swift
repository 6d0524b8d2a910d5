import Foundation

/// An IPv4 or IPv6 address without its port. One of IPv4 that is written as IPv6 (`::ffff:192.0.2.1`) is the one of IPv4.
package struct NetworkAddress: Hashable, Sendable {
    /// 4 or 16, in the order of the network.
    package let bytes: [UInt8]

    /// - Parameter text: as RFC 4291 and RFC 5952 write addresses; no port, no brackets, no zone.
    /// - Returns: nil for anything else.
    package init?(_ text: some StringProtocol) {
        // Longer than any address: not worth a copy.
        guard text.utf8.count <= 45, !text.utf8.contains(0) else { return nil }
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

    /// What one customer of a provider has: a single IPv4 address, or the /64 that an IPv6 address lies in. Whoever has one address of
    /// a /64 has all of them, and can use a new one for every request.
    package var network: NetworkRange { NetworkRange(self, prefix: bytes.count == 4 ? 32 : 64) }
}

/// A range of addresses, such as `10.0.0.0/8` or `2001:db8::/32`.
package struct NetworkRange: Hashable, Sendable {
    private let base: [UInt8]
    private let prefix: Int

    /// - Parameter prefix: how many bits all of its addresses share; what `address` has beyond them does not count.
    package init(_ address: NetworkAddress, prefix: Int) {
        precondition((0...address.bytes.count * 8).contains(prefix), "a prefix is not longer than its address")
        self.prefix = prefix
        base = Self.masked(address.bytes, prefix)
    }

    /// - Parameter text: an address, which is a range of one, or an address, a slash and a number of bits.
    /// - Returns: nil for anything else.
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
        // A prefix of an IPv4 address in IPv6 spelling counts the bits before it too.
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
    /// The bytes in hexadecimal and the number of bits: one spelling for one range.
    package var description: String { "\(Hex.encode(base))/\(prefix)" }
}
