import App
import Base
import CryptoExtras
import Foundation
import Modules
import TestKit
import Testing

@testable import Identity

@Suite struct AccessTokenTests {
    private static let prefix = "invalid JWT: unable to parse or verify signature, "

    @Test func `has the documented header and claims, and no others`() async throws {
        try await withTestApp(.sqlite) { app in
            let person = try await app.register("user", role: "student")
            let token = try TamperedToken(of: person.token)
            #expect(token.header["alg"] == "RS256")
            #expect(token.header["typ"] == "at+jwt")
            #expect(Set(token.header.keys) == ["alg", "typ", "kid"])
            #expect(
                Set(token.claims.keys) == [
                    "iss", "aud", "sub", "sid", "org", "role", "roles", "csrf", "iat", "exp", "jti",
                ])
            #expect(token.claims["iss"] == "http://localhost:8080")
            #expect(token.claims["sub"] == .string(person.id.text))
            #expect(token.claims["org"] == .string(person.organisation))
            #expect(token.claims["roles"] == ["student"])
            #expect(token.claims["csrf"] == .string(person.csrf))
            #expect(token.claims["iat"] == .integer(app.clock.now.seconds))
            #expect(token.claims["exp"] == .integer(app.clock.now.seconds + 900))
        }
    }

    @Test func `a request without a credential gets the documented problem`() async throws {
        try await withTestApp(.sqlite) { app in
            let response = await app.call("GET", "/v1/auth/profile", headers: ["X-Request-ID": "request-one"])
            #expect(response.status == 401)
            #expect(response.headers["www-authenticate"] == "Bearer")
            #expect(response.headers["content-type"] == "application/problem+json; charset=utf-8")
            #expect(response.headers["cache-control"] == "no-store")
            #expect(
                response.json == [
                    "type": "/problems/missing-authorization", "title": "Missing authorization header", "status": 401,
                    "detail": "Missing authorization header",
                    "code": "missing-authorization", "request_id": "request-one",
                    "error": "Missing authorization header",
                ]
            )
        }
    }

    @Test(arguments: [
        "Bearer a", "Bearer a.b", "Bearer a.b.c.d", "bearer invalid_token", "BEARER .", "Bearer ...", "Bearer a,b",
    ])
    func `a token without three segments gets the documented details`(_ header: String) async throws {
        try await withTestApp(.sqlite) { app in
            let response = await app.call("GET", "/v1/auth/profile", headers: ["Authorization": header])
            #expect(response.status == 401)
            #expect(response.code == "authentication-failed")
            #expect(response["error"] == "Authentication failed")
            #expect(
                response["details"]
                    == .string(Self.prefix + "token is malformed: token contains an invalid number of segments"))
            #expect(response.headers["www-authenticate"]?.hasPrefix("Bearer") == true)
        }
    }

    @Test(arguments: ["", "Bearer", "Bearer ", "Basic YTpi", "Token a.b.c", "a.b.c"])
    func `another scheme, or none, is refused with the expected scheme`(_ header: String) async throws {
        try await withTestApp(.sqlite) { app in
            let response = await app.call("GET", "/v1/auth/profile", headers: ["Authorization": header])
            #expect(response.status == 401)
            #expect(response.code == "authentication-failed")
            #expect(response["details"] == "the Authorization header must be 'Bearer' and a token")
            #expect(response.headers["www-authenticate"] == "Bearer")
        }
    }

    @Test(arguments: Engine.available)
    func `expires after fifteen minutes`(_ engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let person = try await app.register()
            app.clock.advance(by: .minutes(15) - .seconds(1))
            #expect(await app.call("GET", "/v1/auth/profile", token: person.token).status == 200)
            app.clock.advance(by: .seconds(1))
            let response = await app.call("GET", "/v1/auth/profile", token: person.token)
            #expect(response.status == 401)
            #expect(response.code == "token-expired")
            #expect(response["error"] == "Invalid or expired token")
            #expect(response.headers["www-authenticate"]?.hasPrefix("Bearer") == true)
        }
    }

    @Test func `the lifetime is configurable`() async throws {
        try await withTestApp(.sqlite, change: { $0.accessTokenLifetime = .minutes(1) }) { app in
            let person = try await app.register()
            app.clock.advance(by: .seconds(59))
            #expect(await app.call("GET", "/v1/auth/profile", token: person.token).status == 200)
            app.clock.advance(by: .seconds(1))
            #expect(await app.call("GET", "/v1/auth/profile", token: person.token).code == "token-expired")
        }
    }

    @Test func `a changed token is refused`() async throws {
        try await withTestApp(.sqlite) { app in
            let person = try await app.register()
            func refused(_ token: String, _ reason: String, _ change: String) async {
                let response = await app.call("GET", "/v1/auth/profile", token: token)
                #expect(response.status == 401, "\(change)")
                #expect(response.code == "authentication-failed", "\(change)")
                #expect(response["details"] == .string(Self.prefix + reason), "\(change)")
            }
            let genuine = try TamperedToken(of: person.token)
            for (claim, value) in [
                ("role", "admin"), ("org", "00000000-0000-7000-8000-000000000000"), ("exp", 4_000_000_000),
            ] as [(String, JSONValue)] {
                var tampered = genuine
                tampered.claims[claim] = value
                await refused(try tampered.unsigned, "token signature is invalid", claim)
            }
            await refused(String(person.token.dropLast(4)), "token signature is invalid", "a truncated signature")
            await refused(
                genuine.original[0] + "." + genuine.original[1] + ".", "token signature is invalid", "no signature")
            await refused(
                "\(genuine.original[0])=.\(genuine.original[1]).\(genuine.original[2])",
                "token is malformed: could not decode the header", "padding")
            await refused(
                "e30.\(genuine.original[1]).\(genuine.original[2])", Self.unknownKeyOrAlgorithm, "an empty header")
            await refused("W10.e30.e30", "token is malformed: could not decode the header", "a header that is a list")
        }
    }

    private static let unknownKeyOrAlgorithm =
        "token is unverifiable: the header does not name a key and algorithm of this service"

    @Test func `the header of a token cannot select another algorithm or key`() async throws {
        try await withTestApp(.sqlite) { app in
            let person = try await app.register()
            let key = try await app.signingKey()
            let genuine = try TamperedToken(of: person.token)
            // The same token signed again is accepted, so that the refusals below are not faults of the helper.
            #expect(await app.call("GET", "/v1/auth/profile", token: try genuine.signed(by: key)).status == 200)

            func refused(
                _ name: String, _ change: (inout [String: JSONValue]) -> Void, sign: (TamperedToken) throws -> String
            ) async throws {
                var tampered = genuine
                change(&tampered.header)
                let response = await app.call("GET", "/v1/auth/profile", token: try sign(tampered))
                #expect(response.code == "authentication-failed", "\(name)")
                #expect(response["details"] == .string(Self.prefix + Self.unknownKeyOrAlgorithm), "\(name)")
            }
            let publicPEM = Array(key.publicKey.pemRepresentation.utf8)
            let publicDER = Array(key.publicKey.derRepresentation)
            for none in ["none", "None", "NONE", ""] {
                try await refused("alg \(none)", { $0["alg"] = .string(none) }, sign: { try $0.head + "." })
            }
            try await refused(
                "HS256 with the public PEM", { $0["alg"] = "HS256" }, sign: { try $0.signed(withSecret: publicPEM) })
            try await refused(
                "HS256 with the public DER", { $0["alg"] = "HS256" }, sign: { try $0.signed(withSecret: publicDER) })
            for algorithm in ["RS384", "RS512", "PS256", "ES256", "EdDSA", "rs256"] {
                try await refused(algorithm, { $0["alg"] = .string(algorithm) }, sign: { try $0.signed(by: key) })
            }
            try await refused(
                "another kid", { $0["kid"] = "00000000-0000-7000-8000-000000000000" }, sign: { try $0.signed(by: key) })
            try await refused("no kid", { $0["kid"] = nil }, sign: { try $0.signed(by: key) })
            try await refused(
                "a kid that is a path", { $0["kid"] = "../../dev/null" }, sign: { try $0.signed(by: key) })
            try await refused("an ID token", { $0["typ"] = "JWT" }, sign: { try $0.signed(by: key) })
            try await refused("no typ", { $0["typ"] = nil }, sign: { try $0.signed(by: key) })
            try await refused(
                "jku", { $0["jku"] = "https://attacker.example/jwks.json" }, sign: { try $0.signed(by: key) })

            var critical = genuine
            critical.header["crit"] = ["exp"]
            #expect(
                await app.call("GET", "/v1/auth/profile", token: try critical.signed(by: key)).code
                    == "authentication-failed")
            let other = try _RSA.Signing.PrivateKey(keySize: .bits2048)
            let response = await app.call("GET", "/v1/auth/profile", token: try genuine.signed(by: other))
            #expect(response["details"] == .string(Self.prefix + "token signature is invalid"))
        }
    }

    @Test func `a token with a valid signature and wrong claims is refused`() async throws {
        try await withTestApp(.sqlite) { app in
            let person = try await app.register()
            let key = try await app.signingKey()
            let genuine = try TamperedToken(of: person.token)
            let now = app.clock.now.seconds
            let claims: [(String, JSONValue)] = [
                ("iss", "http://localhost:9090"), ("iss", "http://localhost:8080/"), ("aud", "other"),
                ("iat", .integer(now + 61)), ("sub", "unknown"),
                ("org", ""),
                ("sid", "x"), ("role", "unknown"),
            ]
            for (name, value) in claims {
                var tampered = genuine
                tampered.claims[name] = value
                let response = await app.call("GET", "/v1/auth/profile", token: try tampered.signed(by: key))
                #expect(response.code == "authentication-failed", "\(name)")
                #expect(response["details"] == .string(Self.prefix + "token has invalid claims"), "\(name)")
            }
            for name in ["iss", "aud", "sub", "sid", "org", "exp", "iat", "csrf"] {
                var tampered = genuine
                tampered.claims[name] = nil
                #expect(
                    await app.call("GET", "/v1/auth/profile", token: try tampered.signed(by: key)).code
                        == "authentication-failed", "without \(name)")
            }
            var early = genuine
            early.claims["iat"] = .integer(now + 60)
            #expect(await app.call("GET", "/v1/auth/profile", token: try early.signed(by: key)).status == 200)
            var old = genuine
            old.claims["exp"] = .integer(now)
            #expect(await app.call("GET", "/v1/auth/profile", token: try old.signed(by: key)).code == "token-expired")
        }
    }

    @Test func `a token for another audience, signed by the same key, is refused`() async throws {
        try await withTestApp(.sqlite) { app in
            var token: String?
            try await app.withIdentity(on: app.app.database, audience: "other-service") { identity in
                token = try await identity.registration.register(.fixture(), client: .fixture).accessToken
            }
            #expect(await app.call("GET", "/v1/auth/profile", token: token).code == "authentication-failed")
        }
    }
}
