import Foundation

/// The URL of a server: `redis://[user[:password]@]host[:port][/database]`, or `rediss://` for TLS.
package struct RedisAddress: Sendable, Hashable {
    package var host: String
    package var port: Int
    package var usesTLS: Bool
    /// An ACL user; nil is the default user.
    package var user: String?
    package var password: String?
    /// The database number; 0 is the default of a connection.
    package var database: Int

    package init(
        host: String, port: Int = 6_379, usesTLS: Bool = false, user: String? = nil, password: String? = nil,
        database: Int = 0
    ) {
        self.host = host
        self.port = port
        self.usesTLS = usesTLS
        self.user = user
        self.password = password
        self.database = database
    }

    /// An invalid address. The description contains no part of the address, which may contain a password.
    package struct ParseError: Error, Sendable, Hashable, CustomStringConvertible {
        package let description: String
    }

    package init(_ text: String) throws(ParseError) {
        let rest: Substring
        if text.hasPrefix("redis://") {
            (usesTLS, rest) = (false, text.dropFirst(8))
        } else if text.hasPrefix("rediss://") {
            (usesTLS, rest) = (true, text.dropFirst(9))
        } else {
            throw ParseError(description: "must begin with redis:// or rediss://")
        }
        guard !rest.contains(where: { "?#".contains($0) }) else {
            throw ParseError(description: "must have no query and no fragment")
        }
        let path = rest.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        let authority = path[0]
        let mark = authority.lastIndex(of: "@")
        (user, password) = try Self.credentials(mark.map { authority[..<$0] })
        (host, port) = try Self.hostAndPort(mark.map { authority[authority.index(after: $0)...] } ?? authority)
        if path.count > 1, !path[1].isEmpty {
            guard let number = Int(path[1]), (0...65_535).contains(number) else {
                throw ParseError(description: "must end in a database number, such as /0")
            }
            database = number
        } else {
            database = 0
        }
    }

    private static func credentials(_ text: Substring?) throws(ParseError) -> (String?, String?) {
        guard let text, !text.isEmpty else { return (nil, nil) }
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2 else {
            throw ParseError(description: "has a user without a password: write user:password@ or :password@")
        }
        guard let user = parts[0].removingPercentEncoding, let password = parts[1].removingPercentEncoding else {
            throw ParseError(description: "has an invalid percent-encoding in its user or password")
        }
        guard !password.isEmpty else { throw ParseError(description: "has an empty password") }
        return (user.isEmpty ? nil : user, password)
    }

    private static func hostAndPort(_ text: Substring) throws(ParseError) -> (String, Int) {
        var host = text
        var port: Substring?
        if text.first == "[" {
            guard let end = text.firstIndex(of: "]") else {
                throw ParseError(description: "has an IPv6 address without its closing bracket")
            }
            host = text[text.index(after: text.startIndex)..<end]
            let after = text[text.index(after: end)...]
            guard after.isEmpty || after.first == ":" else {
                throw ParseError(description: "has something other than a port after its host")
            }
            port = after.isEmpty ? nil : after.dropFirst()
        } else if let colon = text.firstIndex(of: ":") {
            host = text[..<colon]
            port = text[text.index(after: colon)...]
        }
        guard !host.isEmpty else { throw ParseError(description: "has no host") }
        guard let port else { return (String(host), 6_379) }
        guard let number = Int(port), (1...65_535).contains(number) else {
            throw ParseError(description: "has a port outside of 1 to 65535")
        }
        return (String(host), number)
    }
}
