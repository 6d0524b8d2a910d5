import Base
import Secrets
import Testing

@testable import Identity

@Suite struct TOTPTests {
    /// The secret of RFC 4226, appendix D, and of RFC 6238, appendix B.
    private static let secret = Array("12345678901234567890".utf8)

    @Test(arguments: [
        (59, "94287082"), (1_111_111_109, "07081804"), (1_111_111_111, "14050471"), (1_234_567_890, "89005924"),
        (2_000_000_000, "69279037"),
        (20_000_000_000, "65353130"),
    ])
    func `codes match the vectors of RFC 6238`(_ seconds: Int64, _ digits: String) {
        #expect(TOTP(secret: Self.secret, digits: 8).text(at: TOTP.step(at: seconds)) == digits)
        // A six-digit code is the last six of the eight digits.
        #expect(TOTP(secret: Self.secret).text(at: TOTP.step(at: seconds)) == digits.suffix(6))
    }

    @Test func `codes match the vectors of RFC 4226`() {
        let digits = [
            "755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489",
        ]
        #expect((0..<10).map { TOTP(secret: Self.secret).text(at: $0) } == digits)
    }

    @Test func `a code is accepted within the window only`() {
        let code = TOTP(secret: Self.secret)
        for window in Int64(0)...2 {
            for distance in Int64(-4)...4 {
                let found = code.step(of: code.text(at: 1_000 + distance), near: 1_000, window: window)
                #expect(found == (abs(distance) <= window ? 1_000 + distance : nil))
            }
        }
        for text in ["", "12345", "1234567", "abcdef", "７５５２２４"] {
            #expect(code.step(of: text, near: 0, window: 2) == nil)
        }
    }

    @Test(arguments: [
        ("", ""), ("f", "MY"), ("fo", "MZXQ"), ("foo", "MZXW6"), ("foob", "MZXW6YQ"), ("fooba", "MZXW6YTB"),
        ("foobar", "MZXW6YTBOI"),
    ])
    func `base32 matches the vectors of RFC 4648, without padding`(_ plain: String, _ text: String) {
        #expect(Base32.encode(Array(plain.utf8)) == text)
        #expect(Base32.decode(text) == Array(plain.utf8))
    }

    @Test func `invalid base32 is refused`() {
        for text in ["m", "MY======", "M1", "M Y", "é"] { #expect(Base32.decode(text) == nil) }
    }

    @Test func `a recovery code is parsed in any case, with or without separators`() throws {
        let person: ID<Person> = Runtime.system.id()
        let code = RecoveryCode(runtime: .system)
        #expect(code.text.wholeMatch(of: /([A-Z2-7]{4}-){3}[A-Z2-7]{4}/) != nil)
        for typed in [
            code.text, code.text.lowercased(), code.text.replacing("-", with: ""),
            " \(code.text.replacing("-", with: " ")) ",
        ] {
            #expect(try #require(RecoveryCode(typed: typed)).hash(of: person) == code.hash(of: person))
        }
        #expect(code.hash(of: person) != code.hash(of: Runtime.system.id()))
        for typed in ["", "123456", String(code.text.dropLast()), code.text + "A", code.text.replacing("-", with: "_")]
        {
            #expect(RecoveryCode(typed: typed) == nil)
        }
    }

    @Test func `the otpauth URI has percent-encoded issuer and account`() {
        #expect(
            SecondFactor.uri(secret: Array("foobar".utf8), issuer: "api.example", account: "a&b=ü@example.org")
                == "otpauth://totp/api.example:a%26b%3D%C3%BC%40example.org?secret=MZXW6YTBOI&issuer=api.example"
                + "&algorithm=SHA1&digits=6&period=30"
        )
    }
}
