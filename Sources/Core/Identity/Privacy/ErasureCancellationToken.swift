import Modules
import Secrets

/// The token in the link of the e-mail about a scheduled erasure. It cancels that erasure and permits nothing else.
struct ErasureCancellationToken: Sendable {
    let erasure: ID<Erasure>
    let text: String

    init(of erasure: ID<Erasure>, key: [UInt8]) {
        self.erasure = erasure
        text = Base64URL.encode(erasure.bytes + MessageAuthentication.code(erasure.bytes, key: key))
    }

    /// - Returns: nil for text that was not made with `key`.
    init?(_ text: String, key: [UInt8]) {
        guard let bytes = Base64URL.decode(text), let erasure = ID<Erasure>(bytes: Array(bytes.prefix(16))) else {
            return nil
        }
        self.init(of: erasure, key: key)
        guard constantTimeEquals(self.text.utf8, text.utf8) else { return nil }
    }
}
