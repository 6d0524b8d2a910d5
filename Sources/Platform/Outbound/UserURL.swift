import Base
import DomainNames

/// A URL that a user named: `https` or `http`, with one spelling for each host.
///
/// Whether its address may be reached is decided by ``UserURLClient`` when a request is sent, because it can change.
package struct UserURL: Hashable, Sendable, CustomStringConvertible {
    /// Why a text is not accepted.
    package enum Fault: Error, CustomStringConvertible {
        case tooLong, malformed, scheme, credentials, host, port, fragment

        /// A sentence for the user.
        package var description: String {
            switch self {
            case .tooLong: "The URL is longer than \(UserURL.bytesMax) bytes."
            case .malformed: "The URL is malformed: other characters than those of RFC 3986 must be percent-encoded."
            case .scheme: "The URL does not begin with https:// or http://."
            case .credentials: "The URL contains a user name or a password."
            case .host: "The URL has no valid host: a domain name, an IPv4 address or an IPv6 address in brackets."
            case .port: "The URL has a port that is not allowed: 80, 443, or one from 1024 on."
            case .fragment: "The URL has a fragment."
            }
        }
    }

    package static let bytesMax = 2_048

    package let isHTTPS: Bool
    /// A domain name in lower case, with A-labels and without a final dot; or an address in its usual form.
    package let host: String
    package let port: Int
    /// The path and the query, as they were given.
    package let target: String
    /// Nil where the host is a name.
    let address: NetworkAddress?

    package init(_ text: String) throws(Fault) {
        guard text.utf8.count <= Self.bytesMax else { throw .tooLong }
        guard let separator = text.firstRange(of: "://") else { throw .scheme }
        switch text[..<separator.lowerBound].lowercased() {
        case "https": isHTTPS = true
        case "http": isHTTPS = false
        default: throw .scheme
        }
        let rest = text[separator.upperBound...]
        let end = rest.firstIndex { "/?#\\".contains($0) } ?? rest.endIndex
        let authority = rest[..<end]
        guard !authority.contains("@") else { throw .credentials }
        let (hostText, portText) = try Self.split(authority)
        (host, address) = try Self.host(hostText)
        port = try portText.map { text throws(Fault) in try Self.port(text) } ?? (isHTTPS ? 443 : 80)
        target = try Self.target(rest[end...])
    }

    /// The URL that ``init(_:)`` reads as this one.
    package var description: String { "\(isHTTPS ? "https" : "http")://\(hostField)\(target)" }

    /// The value of `Host`.
    var hostField: String {
        let name = host.contains(":") ? "[\(host)]" : host
        return port == (isHTTPS ? 443 : 80) ? name : "\(name):\(port)"
    }

    /// The host, an IPv6 address with its brackets, and the port after a colon.
    private static func split(_ authority: Substring) throws(Fault) -> (Substring, Substring?) {
        let afterHost =
            authority.hasPrefix("[")
            ? authority.firstIndex(of: "]").map(authority.index(after:)) ?? authority.endIndex
            : authority.firstIndex(of: ":") ?? authority.endIndex
        let rest = authority[afterHost...]
        guard let colon = rest.first else { return (authority, nil) }
        guard colon == ":" else { throw .host }
        return (authority[..<afterHost], rest.dropFirst())
    }

    private static func host(_ text: Substring) throws(Fault) -> (String, NetworkAddress?) {
        if text.hasPrefix("[") {
            guard text.hasSuffix("]"), let address = NetworkAddress(text.dropFirst().dropLast()), text.contains(":")
            else { throw .host }
            return (address.text, address)
        }
        // `localhost.` and `localhost` are one host.
        guard let name = DomainName.ascii(String(text.hasSuffix(".") ? text.dropLast() : text)) else { throw .host }
        if let address = NetworkAddress(name) { return (name, address) }
        // Other spellings of IPv4 addresses, which resolvers accept: 2130706433, 0x7f.1, 127.1.
        guard let last = name.split(separator: ".").last, !isNumber(last) else { throw .host }
        return (name, nil)
    }

    private static func isNumber(_ label: Substring) -> Bool {
        label.hasPrefix("0x")
            ? label.dropFirst(2).utf8.allSatisfy { Character(UnicodeScalar($0)).isHexDigit }
            : label.utf8.allSatisfy(isDigit)
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

    private static func port(_ text: Substring) throws(Fault) -> Int {
        guard (1...5).contains(text.utf8.count), text.utf8.allSatisfy(isDigit), let port = Int(text),
            port == 80 || port == 443 || (1_024...65_535).contains(port), !otherProtocols.contains(port)
        else { throw .port }
        return port
    }

    /// Ports from 1024 on that the Fetch standard blocks (section 2.10), because what listens there is no HTTP server
    /// and may act upon lines of a request; and those of Redis and memcached.
    private static let otherProtocols: Set<Int> = [
        1_719, 1_720, 1_723, 2_049, 3_659, 4_045, 4_190, 5_060, 5_061, 6_000, 6_379, 6_566, 6_665, 6_666, 6_667, 6_668,
        6_669, 6_679, 6_697, 10_080, 11_211,
    ]

    private static func target(_ text: Substring) throws(Fault) -> String {
        guard !text.contains("#") else { throw .fragment }
        var digitsDue = 0
        for byte in text.utf8 {
            let character = Character(UnicodeScalar(byte))
            if digitsDue > 0 {
                guard character.isHexDigit else { throw .malformed }
                digitsDue -= 1
            } else if character == "%" {
                digitsDue = 2
            } else if !targetCharacters.contains(byte) {
                throw .malformed
            }
        }
        guard digitsDue == 0 else { throw .malformed }
        return text.hasPrefix("/") ? String(text) : "/\(text)"
    }

    /// RFC 3986, sections 3.3 and 3.4.
    private static let targetCharacters = Set(
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~!$&'()*+,;=:@/?".utf8)
}
