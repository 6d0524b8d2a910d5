import Modules
import Secrets

/// A refresh token: `version ‖ session ‖ counter ‖ HMAC ‖ checksum` in base64url.
///
/// It is a function of its session's key and counter, so that a client that lost a response gets the same successor
/// again. The checksum refuses a mistyped token without a read of the database.
struct RefreshToken: Sendable, Hashable {
    let session: ID<Session>
    let counter: Int64
    private let mac: [UInt8]

    private static let version: UInt8 = 1
    private static let size = 1 + 16 + 8 + 32 + 4

    init(session: ID<Session>, counter: Int64, key: [UInt8]) {
        self.session = session
        self.counter = counter
        mac = Self.mac(session, counter, key)
    }

    /// - Returns: nil for text of another form. A token of the right form may still be forged.
    init?(_ text: String) {
        guard let bytes = Base64URL.decode(text), bytes.count == Self.size, bytes[0] == Self.version,
            constantTimeEquals(Self.checksum(bytes.dropLast(4)), bytes.suffix(4)),
            let session = ID<Session>(bytes: bytes[1..<17])
        else { return nil }
        self.session = session
        counter = bytes[17..<25].reduce(0) { $0 << 8 | Int64($1) }
        mac = Array(bytes[25..<57])
    }

    /// Whether it was made with the session's key; in constant time.
    func isGenuine(key: [UInt8]) -> Bool { constantTimeEquals(mac, Self.mac(session, counter, key)) }

    var text: String {
        let bytes = Self.head(session, counter) + mac
        return Base64URL.encode(bytes + Self.checksum(bytes[...]))
    }

    private static func head(_ session: ID<Session>, _ counter: Int64) -> [UInt8] {
        [version] + session.bytes + (0..<8).map { UInt8(truncatingIfNeeded: counter >> (56 - 8 * Int64($0))) }
    }

    private static func mac(_ session: ID<Session>, _ counter: Int64, _ key: [UInt8]) -> [UInt8] {
        MessageAuthentication.code(head(session, counter), key: key)
    }

    private static func checksum(_ bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8> { Digest.sha256(bytes).prefix(4) }
}
