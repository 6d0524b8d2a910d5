import Base
import Secrets
import Testing

@Suite struct EncryptionKeysTests {
    private static let key = "cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4="
    private static let newKey = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
    private static let secret = "q8Zr2Lw9Xc4Vb7Nm1Kp6Js3Hd5Fg0TyU"

    private let value = Array("a value".utf8)

    @Test(arguments: [secret, key, "\(secret),with a comma", ""])
    func `what was sealed before lists of keys existed is opened`(text: String) throws {
        let sealed = try Sealer(secret: text).seal(value, context: "row 1")
        #expect(try EncryptionKeys(text).sealer.open(sealed, context: "row 1") == value)
        #expect(EncryptionKeys(text).sealer.key(for: "purpose") == Sealer(secret: text).key(for: "purpose"))
    }

    @Test func `a Fernet key is used as it is`() throws {
        let token = try Fernet(keys: [try #require(Fernet.Key(Self.key))]).seal(value, in: .system)
        #expect(try EncryptionKeys(Self.key).fernet.open(token).bytes == value)
    }

    @Test func `of several keys the first encrypts, each decrypts, and the last derives other keys`() throws {
        let before = EncryptionKeys(Self.key)
        let after = EncryptionKeys("\(Self.newKey), \(Self.key)")
        let alone = EncryptionKeys(Self.newKey)
        let sealed = try before.sealer.seal(value, context: "row 1")
        let token = try before.fernet.seal(value, in: .system)
        #expect(try after.sealer.open(sealed, context: "row 1") == value)
        #expect(try after.fernet.open(token).bytes == value)
        #expect(throws: (any Error).self) { try after.sealer.open(sealed, context: "row 2") }
        #expect(try alone.sealer.open(try after.sealer.seal(value, context: "row 1"), context: "row 1") == value)
        #expect(try alone.fernet.open(try after.fernet.seal(value, in: .system)).bytes == value)
        #expect(throws: Fernet.Failure.self) { try alone.fernet.open(token) }
        #expect(after.sealer.key(for: "purpose") == before.sealer.key(for: "purpose"))
    }

    @Test func `another secret derives the key of its tokens`() throws {
        let token = try EncryptionKeys(Self.secret).fernet.seal(value, in: .system)
        #expect(try EncryptionKeys(Self.secret).fernet.open(token).bytes == value)
        #expect(throws: Fernet.Failure.self) { try EncryptionKeys("\(Self.secret) ").fernet.open(token) }
    }

    @Test func `a list with a mistyped Fernet key is a fault, and a secret with a comma is none`() {
        for text in ["\(Self.newKey),\(Self.key.dropLast())", "\(Self.newKey),", "\(Self.secret),\(Self.key)"] {
            #expect(
                EncryptionKeys.fault(of: text)
                    == "is a list of Fernet keys, and 1 of its 2 parts have another form")
        }
        for text in ["", Self.secret, Self.key, "\(Self.newKey) , \(Self.key)", "\(Self.secret),\(Self.secret)"] {
            #expect(EncryptionKeys.fault(of: text) == nil)
        }
    }
}
