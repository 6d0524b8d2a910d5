import Modules
import Secrets

/// The proof of a correct password, which a client exchanges together with a code for a session. It is sealed, and
/// bound to the password hash at the time of its issue.
struct SecondFactorChallenge: Sendable {
    let person: ID<Person>
    let expiresAt: Instant
    private let passwordDigest: [UInt8]

    static let lifetime: Duration = .minutes(5)
    private static let context = "second factor challenge"

    init(for person: Person, at now: Instant) {
        self.person = person.id
        expiresAt = now + Self.lifetime
        passwordDigest = Self.digest(person)
    }

    /// - Returns: nil for text that this installation did not seal as a challenge.
    init?(_ text: String, sealer: Sealer) {
        guard let sealed = Base64URL.decode(text),
            let bytes = try? sealer.open(String(decoding: sealed, as: UTF8.self), context: Self.context)
        else {
            return nil
        }
        let parts = String(decoding: bytes, as: UTF8.self).split(separator: " ")
        guard parts.count == 3, let person = ID<Person>(String(parts[0])), let expiry = Int64(parts[1]),
            let digest = Hex.decode(String(parts[2]))
        else {
            return nil
        }
        self.person = person
        expiresAt = Instant(microseconds: expiry)
        passwordDigest = digest
    }

    func text(sealer: Sealer) throws -> String {
        let bytes = Array("\(person) \(expiresAt.microseconds) \(Hex.encode(passwordDigest))".utf8)
        return Base64URL.encode(Array(try sealer.seal(bytes, context: Self.context).utf8))
    }

    /// Whether the challenge is for this person and the password has not changed since its issue.
    func isFor(_ person: Person) -> Bool {
        person.id == self.person && constantTimeEquals(passwordDigest, Self.digest(person))
    }

    private static func digest(_ person: Person) -> [UInt8] {
        Array(Digest.sha256(person.passwordHash.utf8).prefix(16))
    }
}
