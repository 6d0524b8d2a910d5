import Modules
import Secrets

/// A person's authenticator: its secret, and the last time step for which a code was accepted.
struct SecondFactor: Sendable {
    let person: ID<Person>
    private let sealedSecret: String
    let lastStep: Int64
    /// Nil until a first code has proved that the authenticator has the secret; until then login requires no code.
    let confirmedAt: Instant?

    init(row: Row) throws {
        person = try row["person_id"]
        sealedSecret = try row["sealed_secret"]
        lastStep = try row["last_step"]
        confirmedAt = try row["confirmed_at"]
    }

    /// - Parameter window: the number of time steps before and after the present one for which codes are accepted.
    /// - Returns: the time step of `code`; nil for a wrong code, and for a step that is not after ``lastStep``.
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

    /// The `otpauth` URI that authenticators read, also from a QR code.
    /// - Parameter issuer: the name of this service in the authenticator.
    static func uri(secret: [UInt8], issuer: String, account: String) -> String {
        let (issuer, account) = (PercentEncoding.encode(issuer), PercentEncoding.encode(account))
        return "otpauth://totp/\(issuer):\(account)?secret=\(Base32.encode(secret))&issuer=\(issuer)"
            + "&algorithm=SHA1&digits=6&period=\(TOTP.stepSeconds)"
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
