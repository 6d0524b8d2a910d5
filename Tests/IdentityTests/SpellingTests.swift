import App
import Base
import Modules
import TestKit
import Testing

@testable import Identity

/// Passwords, codes and headers as people and programs spell them.
@Suite struct SpellingTests {
    /// The same texts in Unicode NFC and NFD: the keyboards of devices differ.
    private static let composed = "Gr\u{FC}\u{DF}e aus K\u{F6}ln \u{D55C}"
    private static let decomposed = "Gru\u{308}\u{DF}e aus Ko\u{308}ln \u{1112}\u{1161}\u{11AB}"

    @Test(arguments: Engine.available, [false, true])
    func `a password is the same in NFC and NFD, wherever it is typed`(_ engine: Engine, _ isDecomposedFirst: Bool)
        async throws
    {
        try await withTestApp(engine) { app in
            let (first, second) =
                isDecomposedFirst ? (Self.decomposed, Self.composed) : (Self.composed, Self.decomposed)
            // Strings of Swift are equal by canonical equivalence; their bytes differ.
            try #require(Array(first.utf8) != Array(second.utf8))
            let person = try await app.register()
            func change(_ old: String, _ new: String) async -> TestResponse {
                await app.call(
                    "POST", "/v1/auth/change-password",
                    json: ["current_password": .string(old), "new_password": .string(new)], token: person.token)
            }
            #expect(await change(person.password, first).status == 200)
            for spelling in [first, second] {
                #expect(await app.signIn(person.email, spelling).status == 200)
                #expect(
                    await app.makeKey(person, ["training"], ["password": .string(spelling)]).status == 201)
            }
            #expect(await app.signIn(person.email, "Grusse aus Koln \u{D55C}").code == "invalid-credentials")
            #expect(await change(second, "another good password").status == 200)
        }
    }

    @Test func `the bytes of a password are counted in the form that is hashed`() throws {
        let policy = PasswordPolicy(minimumLength: 8)
        // 27 letters: 54 bytes in NFC, 81 in NFD.
        let decomposed = String(repeating: "u\u{308}o\u{308}a\u{308}", count: 9)
        #expect(decomposed.utf8.count > PasswordPolicy.maximumBytes)
        try policy.check(decomposed, against: [])
        #expect(throws: Problem.self) {
            try policy.check(String(repeating: "\u{FC}\u{F6}\u{E4}", count: 13), against: [])
        }
    }

    @Test(arguments: Engine.available)
    func `codes are accepted with any white space`(_ engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let (person, authenticator) = try await app.registerWithMFA()
            func signIn(_ code: String) async -> Int {
                await app.call(
                    "POST", "/v1/auth/login",
                    json: [
                        "email": .string(person.email), "password": .string(person.password), "mfa_code": .string(code),
                    ]
                ).status
            }
            for space in [" ", "\u{A0}", "\u{202F}", "\u{2009}", "\t", "\n", "\r\n", "\u{3000}"] {
                app.clock.advance(by: .minutes(2))
                let code = authenticator.code(app)
                let typed = "\(space)\(code.prefix(3))\(space)\(code.suffix(3))\(space)"
                #expect(await signIn(typed) == 200, "\(space.unicodeScalars.map(\.value))")
                #expect(await signIn(typed) == 401, "each code is accepted once")
            }
            #expect(await signIn(authenticator.recoveryCodes[0].replacing("-", with: "\u{A0}")) == 200)
        }
    }

    @Test(arguments: Engine.available)
    func `several spaces may separate the scheme and the token`(_ engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let person = try await app.register()
            let key = try #require(await app.makeKey(person, ["*"])["api_key"]?.string)
            func status(_ header: String) async -> Int {
                await app.call("GET", "/v1/auth/verify", headers: ["Authorization": header]).status
            }
            for credential in [person.token, key] {
                for scheme in ["Bearer ", "Bearer  ", "bearer     ", "BEARER \t"] {
                    #expect(await status(scheme + credential) == 200, "\(scheme)")
                }
                for header in ["Bearer\(credential)", "Bearer", "Bearer  ", "Basic \(credential)", credential] {
                    #expect(await status(header) == 401, "\(header)")
                }
            }
            #expect(try await app.count("SELECT COUNT(*) AS count FROM sessions") == 1)
        }
    }
}
