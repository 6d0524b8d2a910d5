import Modules
import Secrets

/// The text of an API key: `gh_<environment>_<id>_<secret>_<checksum>`.
///
/// The checksum allows a mistyped key to be refused without a read of the database. It is not a secret.
struct KeyText: Sendable {
    let id: ID<APIKey>
    let text: String

    static let marker = "gh_"
    private static let secretBytes = 24
    private static let checksumDigits = 8

    /// A new key.
    /// - Parameter environment: one word in lower case.
    init(id: ID<APIKey>, environment: String, runtime: Runtime) {
        let head =
            "\(Self.marker)\(environment)_\(Hex.encode(id.bytes))_\(Hex.encode(runtime.randomBytes(Self.secretBytes)))"
        self.id = id
        text = "\(head)_\(Self.checksum(head))"
    }

    /// - Returns: nil for text that is not a well-formed key of this environment.
    init?(_ text: some StringProtocol, environment: String) {
        let parts = text.split(separator: "_", omittingEmptySubsequences: false)
        guard parts.count == 5, parts[0] == Self.marker.dropLast(), parts[1] == environment,
            parts[3].utf8.count == 2 * Self.secretBytes,
            let cut = text.lastIndex(of: "_"), constantTimeEquals(Self.checksum(text[..<cut]).utf8, parts[4].utf8),
            let bytes = Hex.decode(String(parts[2])), let id = ID<APIKey>(bytes: bytes)
        else { return nil }
        self.id = id
        self.text = String(text)
    }

    /// The stored SHA-256. It needs no salt or stretching because the secret has 192 random bits.
    var hash: [UInt8] { Self.hash(of: text) }

    /// The hash of a text that may be no key.
    static func hash(of text: String) -> [UInt8] { Digest.sha256(text.utf8) }

    /// The part before the secret, by which the owner recognises the key.
    var prefix: String { text.split(separator: "_").prefix(3).joined(separator: "_") }

    private static func checksum(_ head: some StringProtocol) -> String {
        String(Digest.hex(String(head)).prefix(checksumDigits))
    }
}
