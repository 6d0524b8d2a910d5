import Modules
import Secrets

/// An authenticator of a person: its secret, and the last step whose digits were accepted.
struct SecondFactor: Sendable {
    let person: ID<Person>
    private let sealedSecret: String
    let lastStep: Int64
    /// Nil while nobody has shown that the authenticator knows the secret: until then it is not asked for.
    let confirmedAt: Instant?

    init(row: Row) throws {
        person = try row["person_id"]
        sealedSecret = try row["sealed_secret"]
        lastStep = try row["last_step"]
        confirmedAt = try row["confirmed_at"]
    }

    /// - Parameter window: how many steps before and after the present one are accepted.
    /// - Returns: the step that `code` belongs to, where it was not used up before; nil where the code is wrong.
    func step(of code: String, at now: Instant, window: Int64, sealer: Sealer) throws -> Int64? {
        let secret = try sealer.open(sealedSecret, context: Self.context(person))
        guard let step = TOTP(secret: secret).step(of: code, near: TOTP.step(at: now.seconds), window: window)
        else { return nil }
        return step > lastStep ? step : nil
    }

    static func seal(_ secret: [UInt8], of person: ID<Person>, with sealer: Sealer) throws -> String {
        try sealer.seal(secret, context: context(person))
    }

    private static func context(_ person: ID<Person>) -> String { "second factor \(person)" }

    /// The address that authenticators read, as a link or off a picture.
    /// - Parameter issuer: what the authenticator calls this service.
    static func address(secret: [UInt8], issuer: String, account: String) -> String {
        let (issuer, account) = (PercentEncoding.encode(issuer), PercentEncoding.encode(account))
        return
            "otpauth://totp/\(issuer):\(account)?secret=\(Base32.encode(secret))&issuer=\(issuer)&algorithm=SHA1&digits=6&period=\(TOTP.stepSeconds)"
    }
}

/// RFC 3986: everything but unreserved characters as `%XX`.
private enum PercentEncoding {
    static func encode(_ text: String) -> String {
        text.utf8.map { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"),
                UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "~"):
                String(UnicodeScalar(byte))
            default: "%" + Hex.encode([byte]).uppercased()
            }
        }.joined()
    }
}

/// What stands in for a lost authenticator, once: 80 random bits as four groups of four characters.
struct RecoveryCode: Sendable, Hashable {
    let text: String

    static let count = 10
    private static let bytes = 10

    init(runtime: Runtime) {
        let characters = Base32.encode(runtime.randomBytes(Self.bytes))
        text = stride(from: 0, to: characters.count, by: 4).map { String(characters.dropFirst($0).prefix(4)) }.joined(
            separator: "-")
    }

    /// As somebody types it: in any case, with or without what groups it.
    /// - Returns: nil for text that no recovery code looks like.
    init?(typed: String) {
        let characters = typed.uppercased().filter { $0 != "-" && $0 != " " }
        guard let bytes = Base32.decode(characters), bytes.count == Self.bytes, Base32.encode(bytes) == characters
        else { return nil }
        text = characters
    }

    /// What is kept of it. So many random bits cannot be found by trying, so the hash needs no key.
    func hash(of person: ID<Person>) -> String { Digest.hex("recovery code\n\(person)\n\(text.filter { $0 != "-" })") }
}

/// What somebody holds between a right password and the code: sealed, so that it can be neither read nor made elsewhere, and bound to
/// the password that it was given for.
struct SecondFactorChallenge: Sendable {
    let person: ID<Person>
    let expiresAt: Instant
    private let password: [UInt8]

    static let lifetime: Duration = .minutes(5)
    private static let context = "second factor challenge"

    init(for person: Person, at now: Instant) {
        self.person = person.id
        expiresAt = now + Self.lifetime
        password = Self.stamp(person)
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
            let password = Hex.decode(String(parts[2]))
        else {
            return nil
        }
        self.person = person
        expiresAt = Instant(microseconds: expiry)
        self.password = password
    }

    func text(sealer: Sealer) throws -> String {
        let bytes = Array("\(person) \(expiresAt.microseconds) \(Hex.encode(password))".utf8)
        return Base64URL.encode(Array(try sealer.seal(bytes, context: Self.context).utf8))
    }

    /// Whether the password that was right then is still the one.
    func isFor(_ person: Person) -> Bool {
        person.id == self.person && constantTimeEquals(password, Self.stamp(person))
    }

    private static func stamp(_ person: Person) -> [UInt8] { Array(Digest.sha256(person.passwordHash.utf8).prefix(16)) }
}
