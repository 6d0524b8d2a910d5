import Base

/// The reverse proxies whose `X-Forwarded-For` header is used, and whose `traceparent`.
///
/// Any client can send the header, so it is read only from a trusted proxy, and from the right only as far as trusted
/// proxies wrote it: each proxy appends the address of its peer.
package struct TrustedProxies: Sendable {
    private let ranges: [NetworkRange]
    /// Whether the peer of a Unix socket is trusted.
    private let includesUnixSocket: Bool

    /// - Parameter entries: addresses, ranges such as `10.0.0.0/8`, or `unix` for a server on a Unix socket.
    /// - Returns: nil where an entry is neither.
    package init?(_ entries: [String]) {
        var ranges: [NetworkRange] = []
        for entry in entries where entry != Self.unixSocket {
            guard let range = NetworkRange(entry) else { return nil }
            ranges.append(range)
        }
        self.ranges = ranges
        includesUnixSocket = entries.contains(Self.unixSocket)
    }

    private init() { (ranges, includesUnixSocket) = ([], false) }

    /// No proxy is trusted: the client is the other end of the connection.
    package static let none = TrustedProxies()
    private static let unixSocket = "unix"

    /// The address of the client behind a peer.
    /// - Parameters:
    ///   - peer: the other end of the connection.
    ///   - forwarded: every `X-Forwarded-For` field of the request, in order.
    package func client(of peer: String, forwarded: @autoclosure () -> [String]) -> String {
        guard trusts(peer) else { return peer }
        var client = peer
        for field in forwarded().reversed() {
            for entry in field.split(separator: ",", omittingEmptySubsequences: false).reversed() {
                // A trusted proxy writes addresses only. An entry that is none was written by a client, and so were all
                // before it.
                guard let address = Self.address(in: entry) else { return client }
                client = String(address)
                if !trusts(client) { return client }
            }
        }
        return client
    }

    func trusts(_ peer: String) -> Bool {
        if peer == Self.unixSocket { return includesUnixSocket }
        guard !ranges.isEmpty, let address = NetworkAddress(peer) else { return false }
        return ranges.contains { $0.contains(address) }
    }

    /// The address of an entry. Some proxies append the port, and put an IPv6 address in brackets.
    private static func address(in entry: Substring) -> Substring? {
        let text = entry.drop { $0 == " " || $0 == "\t" }.prefix { $0 != " " && $0 != "\t" }
        // White space separates entries; within an entry there is none.
        guard entry.split(whereSeparator: { $0 == " " || $0 == "\t" }).count == 1 else { return nil }
        if NetworkAddress(text) != nil { return text }
        let host: Substring
        let rest: Substring
        if text.first == "[", let end = text.firstIndex(of: "]") {
            host = text[text.index(after: text.startIndex)..<end]
            rest = text[text.index(after: end)...]
            guard host.contains(":") else { return nil }
        } else if let colon = text.firstIndex(of: ":") {
            host = text[..<colon]
            rest = text[colon...]
        } else {
            return nil
        }
        guard NetworkAddress(host) != nil, rest.isEmpty || rest.first == ":" && UInt16(rest.dropFirst()) != nil else {
            return nil
        }
        return host
    }
}
