import Identity
import Modules
import Secrets

/// The text of a service key: `gh_svc_<id>_<secret>_<checksum>`. The checksum allows a mistyped key to be refused
/// without a read of the database; it is not a secret.
struct ServiceKeyText: Sendable {
    let id: ID<ServiceKey>
    let text: String

    private static let secretBytes = 24
    private static let checksumDigits = 8

    /// A new key.
    init(id: ID<ServiceKey>, runtime: Runtime) {
        let secret = Hex.encode(runtime.randomBytes(Self.secretBytes))
        let head = "\(ServiceKeyCredential.marker)\(Hex.encode(id.bytes))_\(secret)"
        self.id = id
        text = "\(head)_\(Self.checksum(head))"
    }

    /// - Returns: nil for text that is not well formed.
    init?(_ text: String) {
        let parts = text.split(separator: "_", omittingEmptySubsequences: false)
        guard text.hasPrefix(ServiceKeyCredential.marker), parts.count == 5,
            parts[3].utf8.count == 2 * Self.secretBytes,
            let cut = text.lastIndex(of: "_"), constantTimeEquals(Self.checksum(text[..<cut]).utf8, parts[4].utf8),
            let bytes = Hex.decode(String(parts[2])), let id = ID<ServiceKey>(bytes: bytes)
        else { return nil }
        self.id = id
        self.text = text
    }

    /// The stored SHA-256. It needs no salt or stretching because the secret has 192 random bits.
    var hash: [UInt8] { Self.hash(of: text) }

    /// The hash of a text that may be no key.
    static func hash(of text: String) -> [UInt8] { Digest.sha256(text.utf8) }

    /// The part before the secret, by which administrators recognise the key.
    var prefix: String { text.split(separator: "_").prefix(3).joined(separator: "_") }

    private static func checksum(_ head: some StringProtocol) -> String {
        String(Digest.hex(String(head)).prefix(checksumDigits))
    }
}
