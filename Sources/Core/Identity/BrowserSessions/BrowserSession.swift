import HTTPTypes
import Modules
import Secrets

/// What a browser's cookie holds: `version ‖ session ‖ secret` in base64url. The secret is known to the browser alone; we keep its hash.
struct BrowserSession: Sendable, Equatable {
    let session: ID<Session>
    private let secret: [UInt8]

    private static let version: UInt8 = 1
    private static let secretSize = 32

    init(session: ID<Session>, runtime: Runtime) {
        self.session = session
        secret = runtime.randomBytes(Self.secretSize)
    }

    /// - Returns: nil for text that no cookie of ours looks like.
    init?(_ text: some StringProtocol) {
        guard let bytes = Base64URL.decode(text), bytes.count == 17 + Self.secretSize, bytes[0] == Self.version,
            let session = ID<Session>(bytes: bytes[1..<17])
        else { return nil }
        self.session = session
        secret = Array(bytes[17...])
    }

    var text: String { Base64URL.encode([Self.version] + session.bytes + secret) }

    /// What the database keeps of it.
    var hash: String { Hex.encode(Digest.sha256(secret)) }

    /// What changing requests repeat in `X-CSRF-Token`: a function of the secret that gives nothing of it away, so that a page can ask
    /// for it again and nothing needs to be kept.
    var csrf: String { Base64URL.encode(Array(MessageAuthentication.code(Array("csrf".utf8), key: secret).prefix(24))) }
}

/// How the cookie is called and kept by browsers (RFC 6265bis).
package struct BrowserCookie: Sendable, Hashable {
    let name: String
    let isSecure: Bool

    /// - Parameter address: where clients reach this service. Only a developer's own machine may do without TLS: elsewhere the cookie
    ///   has the prefix `__Host-`, with which browsers refuse it unless it is secure, for this host alone and for all of its paths.
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

    /// - Returns: nil where the call brings none; an empty text where it brings several that differ.
    func value(in call: Request) -> String? {
        let values = (call.headers[.cookie] ?? "").split(separator: ";").compactMap { pair -> String? in
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2, parts[0].filter({ $0 != " " }) == name else { return nil }
            return String(parts[1].filter { $0 != " " })
        }
        return Set(values).count > 1 ? "" : values.first
    }

    /// The header field that gives a browser its cookie.
    func header(_ value: String, lifetime: Duration) -> String {
        "\(name)=\(value); Path=/; Max-Age=\(lifetime.components.seconds); HttpOnly; SameSite=Lax\(isSecure ? "; Secure" : "")"
    }

    /// The header field that takes the cookie away again.
    var farewell: String { header("", lifetime: .zero) }
}
