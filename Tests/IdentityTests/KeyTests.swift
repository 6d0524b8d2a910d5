import App
import Base
import CryptoExtras
import Foundation
import Modules
import Secrets
import TestKit
import Testing

@testable import Identity

@Suite struct KeyTests {
    @Test func `the published keys verify access tokens and have public members only`() async throws {
        try await withTestApp(.sqlite) { app in
            let person = try await app.register()
            let response = await app.call("GET", "/.well-known/jwks.json")
            #expect(response.status == 200)
            let keys = try #require(response["keys"]?.array)
            #expect(keys.count == 1)
            let key = try #require(keys.first?.object)
            #expect(Set(key.keys) == ["kty", "use", "alg", "kid", "n", "e"])
            #expect(key["kty"] == "RSA")
            #expect(key["use"] == "sig")
            #expect(key["alg"] == "RS256")

            let token = try TamperedToken(of: person.token)
            #expect(token.header["kid"] == key["kid"])
            let modulus = try #require(key["n"]?.string.flatMap { Base64URL.decode($0) })
            let exponent = try #require(key["e"]?.string.flatMap { Base64URL.decode($0) })
            #expect(modulus.count == 256)
            #expect(modulus.first != 0)
            let publicKey = try _RSA.Signing.PublicKey(n: modulus, e: exponent)
            let signature = _RSA.Signing.RSASignature(
                rawRepresentation: try #require(Base64URL.decode(token.original[2])))
            #expect(
                publicKey.isValidSignature(
                    signature, for: Data((token.original[0] + "." + token.original[1]).utf8),
                    padding: .insecurePKCS1v1_5))
        }
    }

    @Test(arguments: Engine.available)
    func `the key is generated once and stored encrypted`(_ engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let rows = try await app.app.database.read { transaction in
                try transaction.all("SELECT sealed_private_key FROM signing_keys") { row in
                    try row.read("sealed_private_key", as: String.self)
                }
            }
            #expect(rows.count == 1)
            #expect(!rows[0].contains("PRIVATE"))
            let published = await app.call("GET", "/.well-known/jwks.json")
            try await app.withSecondProcess { second in
                #expect(await second.call("GET", "/.well-known/jwks.json").bytes == published.bytes)
            }
            #expect(try await app.count("SELECT COUNT(*) AS count FROM signing_keys") == 1)
        }
    }

    @Test(arguments: Engine.available)
    func `nodes that start concurrently use one key`(_ engine: Engine) async throws {
        try await withTestApp(engine) { app in
            try await app.app.database.write { try $0.execute("DELETE FROM signing_keys") }
            let rotation = try app.rotation()
            let ids = try await withThrowingTaskGroup(of: [String].self) { group in
                for _ in 0..<4 {
                    group.addTask {
                        try await rotation.prepare()
                        return try await rotation.list().map(\.id.text)
                    }
                }
                return try await group.reduce(into: Set()) { $0.insert($1) }
            }
            #expect(ids.count == 1)
            #expect(ids.first?.count == 1)
        }
    }

    @Test func `another secret key cannot decrypt the signing key, and the error names the cause`() async throws {
        try await withTestApp(.sqlite) { app in
            let sealer = Sealer(secret: "other secret of some length")
            await #expect(throws: SealedUnderAnotherKey.self) { try await app.rotation(sealer: sealer).prepare() }
            await #expect(throws: SealedUnderAnotherKey.self) {
                try await KeyRing(
                    database: app.app.database, sealer: sealer, runtime: app.runtime, logger: app.app.logger)
            }
            let count = try await app.count("SELECT COUNT(*) AS count FROM signing_keys")
            #expect(count == 1)
        }
    }
}
