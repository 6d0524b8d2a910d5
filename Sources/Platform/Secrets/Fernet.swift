package import Base
import Crypto
import CryptoExtras
import Foundation

/// Values encrypted in the Fernet format (https://github.com/fernet/spec), which Python's `cryptography` reads and
/// writes: AES-128-CBC, then HMAC-SHA-256 over version, time, initialisation vector and ciphertext.
///
/// Unlike ``Sealer`` the format has no context: a token can be copied to another row. What a value belongs to is
/// therefore part of the value.
package struct Fernet: Sendable {
    /// 16 bytes for signatures and 16 bytes for encryption.
    package struct Key: Sendable {
        fileprivate let signing: SymmetricKey
        fileprivate let encryption: SymmetricKey

        package static let bytes = 32

        /// - Parameter bytes: 32 bytes.
        package init(_ bytes: [UInt8]) {
            precondition(bytes.count == Self.bytes, "a Fernet key has 32 bytes")
            signing = SymmetricKey(data: bytes.prefix(16))
            encryption = SymmetricKey(data: bytes.suffix(16))
        }

        /// - Parameter text: 32 bytes as base64url with padding, 44 characters: the output of `Fernet.generate_key()`.
        /// - Returns: nil for any other text.
        package init?(_ text: some StringProtocol) {
            guard text.utf8.count == 44, text.hasSuffix("="), let bytes = Base64URL.decode(text.dropLast()),
                bytes.count == Self.bytes
            else { return nil }
            self.init(bytes)
        }
    }

    /// An opened token.
    package struct Opened: Sendable, Hashable {
        package let bytes: [UInt8]
        /// When it was sealed, in whole seconds.
        package let time: Instant
    }

    /// The text is no token, was changed, or was sealed under none of the keys. Which of them is not told.
    package struct Failure: Error {}

    /// The longest token that is opened, in characters.
    package static let tokenCharactersMax = 64 << 10
    private static let version: UInt8 = 0x80
    private static let vectorBytes = 16
    private static let signatureBytes = 32
    private static let headBytes = 1 + 8 + vectorBytes

    private let keys: [Key]

    /// - Parameter keys: at least one. The first seals; each opens, so that a new key is put before the old ones.
    package init(keys: [Key]) {
        precondition(!keys.isEmpty, "a value is sealed under a key")
        self.keys = keys
    }

    /// - Parameter runtime: the time and the initialisation vector of the token.
    /// - Returns: a token: base64url with padding.
    package func seal(_ bytes: [UInt8], in runtime: Runtime) throws -> String {
        try seal(bytes, at: runtime.now(), vector: runtime.randomBytes(Self.vectorBytes))
    }

    /// - Throws: ``Failure``.
    package func open(_ token: String) throws(Failure) -> Opened {
        guard token.utf8.count <= Self.tokenCharactersMax, let all = Self.decoded(token),
            all.count > Self.headBytes + Self.signatureBytes, all[0] == Self.version
        else { throw Failure() }
        let signed = all.dropLast(Self.signatureBytes)
        let key = keys.first {
            HMAC<SHA256>.isValidAuthenticationCode(
                all.suffix(Self.signatureBytes), authenticating: signed, using: $0.signing)
        }
        guard let key, let seconds = Int64(exactly: all[1..<9].reduce(UInt64(0)) { $0 << 8 | UInt64($1) }),
            seconds <= Self.secondsMax
        else { throw Failure() }
        do {
            let vector = try AES._CBC.IV(ivBytes: Array(all[9..<Self.headBytes]))
            let bytes = try AES._CBC.decrypt(
                Array(signed.dropFirst(Self.headBytes)), using: key.encryption, iv: vector)
            return Opened(bytes: Array(bytes), time: Instant(seconds: seconds))
        } catch {
            throw Failure()
        }
    }

    /// The same value under the first key, with the time of the given token.
    /// - Throws: ``Failure`` where the token cannot be opened.
    package func rotated(_ token: String, in runtime: Runtime) throws -> String {
        let opened = try open(token)
        return try seal(opened.bytes, at: opened.time, vector: runtime.randomBytes(Self.vectorBytes))
    }

    /// The seconds that ``Instant`` can hold.
    private static let secondsMax = Int64.max / 1_000_000

    func seal(_ bytes: [UInt8], at time: Instant, vector: [UInt8]) throws -> String {
        var token = [Self.version]
        token += (0..<8).map { UInt8(truncatingIfNeeded: time.seconds >> (56 - 8 * Int64($0))) }
        token += vector
        token += try AES._CBC.encrypt(bytes, using: keys[0].encryption, iv: try AES._CBC.IV(ivBytes: vector))
        token += Array(HMAC<SHA256>.authenticationCode(for: token, using: keys[0].signing))
        return Self.encoded(token)
    }

    private static func encoded(_ bytes: [UInt8]) -> String {
        let text = Base64URL.encode(bytes)
        return text + String(repeating: "=", count: (4 - text.utf8.count % 4) % 4)
    }

    private static func decoded(_ token: String) -> [UInt8]? {
        guard token.utf8.count % 4 == 0 else { return nil }
        let padding = token.utf8.suffix(2).filter { $0 == UInt8(ascii: "=") }.count
        return Base64URL.decode(token.dropLast(padding))
    }
}
