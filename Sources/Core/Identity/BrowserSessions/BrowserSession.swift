import HTTPTypes
import Modules
import Secrets

/// The value of a session cookie: `version ‖ session ‖ secret` in base64url. The database holds the secret's hash.
struct BrowserSession: Sendable, Equatable {
    let session: ID<Session>
    private let secret: [UInt8]

    private static let version: UInt8 = 1
    private static let secretSize = 32

    init(session: ID<Session>, runtime: Runtime) {
        self.session = session
        secret = runtime.randomBytes(Self.secretSize)
    }

    /// - Returns: nil for text of another form.
    init?(_ text: some StringProtocol) {
        guard let bytes = Base64URL.decode(text), bytes.count == 17 + Self.secretSize, bytes[0] == Self.version,
            let session = ID<Session>(bytes: bytes[1..<17])
        else { return nil }
        self.session = session
        secret = Array(bytes[17...])
    }

    var text: String { Base64URL.encode([Self.version] + session.bytes + secret) }

    /// The SHA-256 of the secret, for the database.
    var hash: String { Hex.encode(Digest.sha256(secret)) }

    /// The value of `X-CSRF-Token`: a MAC under the secret, so that it can be computed again and is not stored.
    var csrf: String { Base64URL.encode(Array(MessageAuthentication.code(Array("csrf".utf8), key: secret).prefix(24))) }
}

/// The name and the attributes of the session cookie (RFC 6265bis).
package struct BrowserCookie: Sendable, Hashable {
    let name: String
    let isSecure: Bool

    /// - Parameter address: the base URL of this service. For a loopback address the cookie works without TLS. For
    ///   others it has the prefix `__Host-`: browsers accept it over TLS, for this host alone and all of its paths.
    package init(address: String) {
        let isLocal =
            address.hasPrefix("http://") && ["localhost", "127.0.0.1", "[::1]"].contains(Self.host(of: address))
        name = isLocal ? "gatehouse-development" : "__Host-gatehouse"
        isSecure = !isLocal
    }

    private static func host(of address: String) -> String {
        let authority = address.dropFirst("http://".count).prefix { $0 != "/" }
        return authority.hasPrefix("[")
            ? String(authority.prefix { $0 != "]" }) + "]" : String(authority.prefix { $0 != ":" })
    }

    /// - Returns: nil for a request without the cookie; an empty text for one with several different values.
    func value(in request: Request) -> String? {
        let values = (request.headers[.cookie] ?? "").split(separator: ";").compactMap { pair -> String? in
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2, parts[0].filter({ $0 != " " }) == name else { return nil }
            return String(parts[1].filter { $0 != " " })
        }
        return Set(values).count > 1 ? "" : values.first
    }

    /// The value of `Set-Cookie`.
    func header(_ value: String, lifetime: Duration) -> String {
        "\(name)=\(value); Path=/; Max-Age=\(lifetime.components.seconds); HttpOnly; SameSite=Lax"
            + (isSecure ? "; Secure" : "")
    }

    /// The value of `Set-Cookie` that deletes the cookie.
    var deletion: String { header("", lifetime: .zero) }
}
