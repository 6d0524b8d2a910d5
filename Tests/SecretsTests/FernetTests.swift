import Base
import Testing

@testable import Secrets

@Suite struct FernetTests {
    private static let key = "cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4="
    private static let otherKey = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="

    private func fernet(_ keys: String...) throws -> Fernet {
        Fernet(keys: try keys.map { try #require(Fernet.Key($0)) })
    }

    @Test func `a token matches the vector of the specification`() throws {
        let token =
            "gAAAAAAdwJ6wAAECAwQFBgcICQoLDA0ODy021cpGVWKZ_eEwCGM4BLLF_5CV9dOPmrhuVUPgJobwOz7JcbmrR64jVmpU4IwqDA=="
        let time = Instant(seconds: 499_162_800)
        let fernet = try fernet(Self.key)
        #expect(try fernet.seal(Array("hello".utf8), at: time, vector: Array(0..<16)) == token)
        #expect(try fernet.open(token) == Fernet.Opened(bytes: Array("hello".utf8), time: time))
    }

    @Test(arguments: [0, 1, 15, 16, 17, 1_000])
    func `a value of any length is opened as it was sealed, and under its key alone`(length: Int) throws {
        let bytes = Runtime.system.randomBytes(length)
        let token = try fernet(Self.key).seal(bytes, in: .system)
        #expect(try fernet(Self.key).open(token).bytes == bytes)
        #expect(throws: Fernet.Failure.self) { try fernet(Self.otherKey).open(token) }
    }

    @Test func `the first key seals, each key opens, and a rotated token keeps its time`() throws {
        let old = try fernet(Self.otherKey).seal(
            Array("value".utf8), at: Instant(seconds: 1_000), vector: Array(0..<16))
        let both = try fernet(Self.key, Self.otherKey)
        #expect(try both.open(old).bytes == Array("value".utf8))
        let rotated = try both.rotated(old, in: .system)
        #expect(
            try fernet(Self.key).open(rotated)
                == Fernet.Opened(bytes: Array("value".utf8), time: Instant(seconds: 1_000)))
        #expect(throws: Fernet.Failure.self) { try fernet(Self.otherKey).open(rotated) }
    }

    @Test func `a token with any changed, missing or added character is refused`() throws {
        let fernet = try fernet(Self.key)
        let token = try fernet.seal(Array("a value".utf8), in: .system)
        let characters = Array(token)
        for index in characters.indices {
            var changed = characters
            changed[index] = changed[index] == "A" ? "B" : "A"
            #expect(throws: Fernet.Failure.self, "changed at \(index)") { try fernet.open(String(changed)) }
            #expect(throws: Fernet.Failure.self, "cut at \(index)") { try fernet.open(String(characters[..<index])) }
        }
        for other in [token + "=", token + "AAAA", " " + token, token.replacing("=", with: "") + "\n", "%%%%", "é"] {
            #expect(throws: Fernet.Failure.self) { try fernet.open(other) }
        }
        #expect(throws: Fernet.Failure.self) { try fernet.open(String(repeating: "A", count: 1 << 20)) }
    }

    @Test func `a key is 32 bytes as base64url with padding`() {
        for text in [
            "", "short", String(Self.key.dropLast()), Self.key + "=", Self.key.replacing("_", with: "/"),
            String(repeating: "é", count: 44), String(repeating: "=", count: 44), Self.key.replacing("4=", with: "5="),
        ] {
            #expect(Fernet.Key(text) == nil)
        }
    }
}
