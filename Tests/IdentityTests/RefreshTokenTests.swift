import Base
import Secrets
import Testing

@testable import Identity

@Suite struct RefreshTokenTests {
    private let session = ID<Session>(trusted: "0194c0de-0000-7000-8000-0123456789ab")
    private let key = [UInt8](repeating: 7, count: 32)

    @Test func `a token is a function of its session's key and counter`() throws {
        for counter: Int64 in [0, 1, 255, 256, .max] {
            let token = RefreshToken(session: session, counter: counter, key: key)
            let read = try #require(RefreshToken(token.text))
            #expect(read == token)
            #expect(read.session == session)
            #expect(read.counter == counter)
            #expect(read.isGenuine(key: key))
            #expect(!read.isGenuine(key: [UInt8](repeating: 8, count: 32)))
            #expect(RefreshToken(session: session, counter: counter, key: key).text == token.text)
        }
    }

    @Test func `a token with a valid checksum and a wrong HMAC is not genuine`() throws {
        var bytes = try #require(Base64URL.decode(RefreshToken(session: session, counter: 3, key: key).text))
        bytes[24] = 4
        let forged = Array(bytes.dropLast(4))
        let token = try #require(RefreshToken(Base64URL.encode(forged + Digest.sha256(forged).prefix(4))))
        #expect(token.counter == 4)
        #expect(!token.isGenuine(key: key))
    }

    @Test(arguments: [
        "", "AAAA", "not base64url!", "=", String(repeating: "A", count: 82), String(repeating: "A", count: 4_000),
    ])
    func `malformed tokens are not parsed`(_ text: String) {
        #expect(RefreshToken(text) == nil)
    }
}
