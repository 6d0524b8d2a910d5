import App
import Base
import CryptoExtras
import Foundation
import Modules
import Secrets
import TestKit
import Testing

@testable import Identity

/// The states of signing keys: next, current, previous, removed.
@Suite struct KeyRotationTests {
    /// From the publication of a key to the moment at which it may sign.
    private static let publication = SigningKey.published(at: Instant(seconds: 0)) - Instant(seconds: 0)

    private func kid(_ token: String?) throws -> String? { try TamperedToken(of: token ?? "").header["kid"]?.string }

    @Test(arguments: Engine.available)
    func `a key is published, then signs, is honoured for a time, and is removed`(_ engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let person = try await app.register()
            let old = try #require(try kid(person.token))
            let keys = try await app.app.identity.signingKeys.rotate(now: false)
            #expect(keys.map(\.state) == [.next, .current])
            let new = keys[0].id.text

            // The new key is published and does not sign yet. A second rotation creates no third key.
            try await app.app.identity.keys.synchronize()
            #expect(await app.publishedKeys() == [new, old])
            #expect(try kid(await app.signIn(person)["access_token"]?.string) == old)
            #expect(try await app.app.identity.signingKeys.rotate(now: false).map(\.id.text) == [new, old])
            app.clock.advance(by: Self.publication - .seconds(1))
            try await app.runJobs()
            #expect(try kid(await app.signIn(person)["access_token"]?.string) == old)

            // The schedule runs every five minutes.
            app.clock.advance(by: .minutes(5))
            try await app.runJobs()
            let renewed = await app.signIn(person)["access_token"]?.string
            #expect(try kid(renewed) == new)
            #expect(await app.publishedKeys() == [new, old])
            #expect(await app.call("GET", "/v1/auth/profile", token: person.token).status == 200)
            #expect(await app.call("GET", "/v1/auth/profile", token: renewed).status == 200)

            // The old key is honoured for the maximum lifetime of its tokens.
            let honoured = try #require(try await app.app.identity.signingKeys.list().last?.honouredUntil)
            #expect(honoured == app.clock.now + .hours(1) + SigningKey.margin)
            app.clock.advance(by: honoured - app.clock.now - .seconds(1))
            try await app.runJobs()
            #expect(await app.publishedKeys() == [new, old])
            app.clock.advance(by: .seconds(1))
            #expect(await app.publishedKeys() == [new])
            app.clock.advance(by: .minutes(5))
            try await app.runJobs()
            #expect(try await app.app.identity.signingKeys.list().map(\.id.text) == [new])
            #expect(try await app.audited("signing-key.created").map(\.subject) == [new])
            #expect(try await app.audited("signing-key.activated").map(\.subject) == [old, new])
            #expect(try await app.audited("signing-key.removed").map(\.subject) == [old])
        }
    }

    @Test(arguments: Engine.available)
    func `keys are rotated by schedule`(_ engine: Engine) async throws {
        try await withTestApp(engine, change: { $0.keyRotationDays = 2 }) { app in
            let first = try await app.app.identity.signingKeys.list().map(\.id)
            try await app.runJobs()
            app.clock.advance(by: .days(2) - .minutes(10))
            try await app.runJobs()
            #expect(try await app.app.identity.signingKeys.list().map(\.id) == first)
            app.clock.advance(by: .minutes(15))
            try await app.runJobs()
            #expect(try await app.app.identity.signingKeys.list().map(\.state) == [.next, .current])
            app.clock.advance(by: Self.publication + .minutes(5))
            try await app.runJobs()
            #expect(try await app.app.identity.signingKeys.list().map(\.state) == [.current, .previous])
            #expect(try await app.count("SELECT COUNT(*) AS count FROM jobs WHERE kind = 'identity.rotate-keys'") == 2)
        }
    }

    @Test func `with KEY_ROTATION_DAYS 0 keys are not rotated`() async throws {
        try await withTestApp(.sqlite, change: { $0.keyRotationDays = 0 }) { app in
            let first = try await app.app.identity.signingKeys.list()
            try await app.runJobs()
            app.clock.advance(by: .days(4_000))
            try await app.runJobs()
            #expect(try await app.app.identity.signingKeys.list() == first)
        }
    }

    @Test(arguments: Engine.available)
    func `another node accepts the new key of an immediate rotation at the first token`(_ engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let person = try await app.register()
            try await app.withSecondProcess { second in
                let new = try await app.app.identity.signingKeys.rotate(now: true)
                #expect(new.map(\.state) == [.current, .previous])
                // The second node has not synchronised: it finds no such key and reads the database.
                app.clock.advance(by: .seconds(3))
                let renewed = try #require(await app.signIn(person)["access_token"]?.string)
                #expect(try kid(renewed) == new[0].id.text)
                #expect(await second.call("GET", "/v1/auth/profile", token: renewed).status == 200)
                #expect(await second.call("GET", "/v1/auth/profile", token: person.token).status == 200)
                #expect(try kid(await second.signIn(person)["access_token"]?.string) == new[0].id.text)
            }
        }
    }

    @Test(arguments: Engine.available)
    func `concurrent rotations of several nodes replace a key once`(_ engine: Engine) async throws {
        try await withTestApp(engine) { app in
            // ES256 keys are generated faster than RSA keys.
            let rotation = try app.rotation { $0.signingAlgorithm = .es256 }
            try await rotation.prepare()
            for isImmediate in [true, false] {
                let before = try await rotation.list()
                let current = try #require(before.first { $0.state == .current })
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for _ in 0..<6 { group.addTask { _ = try await rotation.replace(current, now: isImmediate) } }
                    try await group.waitForAll()
                }
                let after = try await rotation.list()
                #expect(after.count == before.count + 1)
                #expect(after.count { $0.state == .current } == 1)
                #expect(after.first?.state == (isImmediate ? .current : .next))
            }
            app.clock.advance(by: Self.publication)
            let due = try await rotation.list()
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<6 { group.addTask { try await rotation.makeDueTransitions() } }
                try await group.waitForAll()
            }
            let turned = try await rotation.list()
            #expect(Set(turned.map(\.id)) == Set(due.map(\.id)))
            #expect(turned.first?.id == due.first?.id)
            #expect(turned.map(\.state) == [.current, .previous, .previous, .previous])
            // One activation for the RSA key, one for the configured algorithm, and one by each rotation.
            #expect(try await app.audited("signing-key.activated").count == 4)
            #expect(try await app.audited("signing-key.created").count == 2)
        }
    }

    @Test(arguments: Engine.available)
    func `whichever statement fails, there is one current key`(_ engine: Engine) async throws {
        try await withTestApp(engine) { app in
            func check(_ database: any Database) async throws {
                let keys = try await database.read { try $0.signingKeys().map(\.key) }
                #expect(keys.count { $0.state == .current } == 1)
                #expect(keys.count { $0.state == .next } <= 1)
            }
            try await withEachStatementFailing(
                on: app.app.database,
                { _ = try await app.rotation(database: $0) { $0.signingAlgorithm = .es256 }.rotate(now: true) },
                check: check)
            try await withEachStatementFailing(
                on: app.app.database,
                { try await app.rotation(database: $0) { $0.signingAlgorithm = .edDSA }.prepare() }, check: check)
            app.clock.advance(by: .days(91))
            try await withEachStatementFailing(
                on: app.app.database,
                { try await app.rotation(database: $0) { $0.signingAlgorithm = .edDSA }.makeDueTransitions() },
                check: check)
            #expect(try await app.app.identity.signingKeys.list().map(\.state) == [.next, .current])
        }
    }

    @Test(arguments: Engine.available)
    func `another algorithm creates another key, and old tokens stay valid`(_ engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let person = try await app.register()
            var tokens = [person.token]
            for algorithm in [SigningAlgorithm.es256, .edDSA, .hs256, .rs256] {
                try await app.withSecondProcess(change: { $0.jwtAlgorithm = algorithm }) { second in
                    let token = try #require(await second.signIn(person)["access_token"]?.string)
                    #expect(try TamperedToken(of: token).header["alg"]?.string == algorithm.rawValue)
                    tokens.append(token)
                    for token in tokens {
                        #expect(await second.call("GET", "/v1/auth/profile", token: token).status == 200)
                    }
                    // An HMAC secret is not published: it can also sign.
                    let algorithms =
                        await second.call("GET", "/.well-known/jwks.json")["keys"]?.array?.compactMap {
                            $0["alg"]?.string
                        } ?? []
                    #expect(!algorithms.contains("HS256"))
                    #expect(algorithms.contains(algorithm.rawValue) == (algorithm != .hs256))
                }
            }
            #expect(
                try await app.app.identity.signingKeys.list().map(\.state).sorted { $0.rawValue < $1.rawValue } == [
                    .current
                ]
                    + Array(repeating: .previous, count: 4)
            )
        }
    }

    @Test(arguments: Engine.available)
    func `a changed JWT_SECRET creates a new key, an unchanged one does not`(_ engine: Engine) async throws {
        try await withTestApp(
            engine, change: { ($0.jwtAlgorithm, $0.jwtSecret) = (.hs256, "the first secret, which is long enough") }
        ) { app in
            let person = try await app.register()
            try await app.withSecondProcess { second in
                let keys = try await second.app.identity.signingKeys.list()
                #expect(keys.count == 1)
            }
            try await app.withSecondProcess(change: { $0.jwtSecret = "second secret, which is as long as that" }) {
                second in
                #expect(try await second.app.identity.signingKeys.list().map(\.state) == [.current, .previous])
                #expect(await second.call("GET", "/v1/auth/profile", token: person.token).status == 200)
                #expect(await second.call("GET", "/.well-known/jwks.json").json == ["keys": []])
                var tampered = try TamperedToken(of: await second.signIn(person)["access_token"]?.string ?? "")
                let signed = try tampered.signed(withSecret: Array("second secret, which is as long as that".utf8))
                #expect(await second.call("GET", "/v1/auth/profile", token: signed).status == 200)
                tampered.claims["role"] = "admin"
                let forged = try tampered.signed(withSecret: Array("the first secret, which is long enough".utf8))
                #expect(await second.call("GET", "/v1/auth/profile", token: forged).code == "authentication-failed")
                await #expect(throws: Problem.self) { try await second.app.identity.signingKeys.rotate(now: true) }
            }
        }
    }

    @Test func `a generated secret is used again after a restart`() async throws {
        try await withTestApp(.sqlite, change: { $0.jwtAlgorithm = .hs256 }) { app in
            let person = try await app.register()
            try await app.withSecondProcess { second in
                #expect(await second.call("GET", "/v1/auth/profile", token: person.token).status == 200)
                let keys = try await second.app.identity.signingKeys.list()
                #expect(keys.count == 1)
            }
        }
    }

    @Test func `the key set has Cache-Control and ETag`() async throws {
        try await withTestApp(.sqlite) { app in
            let response = await app.call("GET", "/.well-known/jwks.json")
            #expect(
                response.headers["cache-control"] == "public, max-age=\(SigningKey.cacheLifetime.components.seconds)")
            let tag = try #require(response.headers["etag"])
            for known in [tag, "\"other\", \(tag)", "W/\(tag)", "*"] {
                let again = await app.call("GET", "/.well-known/jwks.json", headers: ["If-None-Match": known])
                #expect(again.status == 304)
                #expect(again.bytes.isEmpty)
                #expect(again.headers["etag"] == tag)
            }
            _ = try await app.app.identity.signingKeys.rotate(now: false)
            try await app.app.identity.keys.synchronize()
            let changed = await app.call("GET", "/.well-known/jwks.json", headers: ["If-None-Match": tag])
            #expect(changed.status == 200)
            #expect(changed.headers["etag"] != tag)
        }
    }
}

/// A resource server that verifies tokens and caches the key set for exactly its `max-age`.
private struct CachingVerifier {
    private var keys: [String: _RSA.Signing.PublicKey] = [:]
    private var freshUntil: Instant?

    mutating func accepts(_ token: String, at now: Instant, _ app: TestApp) async throws -> Bool {
        if freshUntil.map({ now >= $0 }) ?? true { try await fetch(at: now, app) }
        let parts = token.split(separator: ".")
        guard parts.count == 3, let kid = try TamperedToken(of: token).header["kid"]?.string, let key = keys[kid],
            let signature = Base64URL.decode(parts[2])
        else {
            return false
        }
        let signed = Data("\(parts[0]).\(parts[1])".utf8)
        return key.isValidSignature(
            _RSA.Signing.RSASignature(rawRepresentation: signature), for: signed, padding: .insecurePKCS1v1_5)
    }

    private mutating func fetch(at now: Instant, _ app: TestApp) async throws {
        let response = await app.call("GET", "/.well-known/jwks.json")
        guard
            let seconds = response.headers["cache-control"]?.firstMatch(of: /max-age=([0-9]+)/).flatMap({
                Int64($0.output.1)
            })
        else {
            throw UnexpectedResponse(response)
        }
        freshUntil = now + .seconds(seconds)
        keys = [:]
        for key in response["keys"]?.array ?? [] {
            guard let kid = key["kid"]?.string, let n = key["n"]?.string.flatMap({ Base64URL.decode($0) }),
                let e = key["e"]?.string.flatMap({ Base64URL.decode($0) })
            else { throw UnexpectedResponse(response) }
            keys[kid] = try _RSA.Signing.PublicKey(n: n, e: e)
        }
    }
}

@Suite struct CachingVerifierTests {
    @Test(arguments: Engine.available)
    func `a verifier that caches the key set accepts every valid token and no removed key, for random clock steps`(
        _ engine: Engine
    ) async throws {
        try await withTestApp(engine, change: { $0.keyRotationDays = 1 }) { app in
            let person = try await app.register()
            var verifiers = Array(repeating: CachingVerifier(), count: 3)
            var tokens: [(text: String, issued: Instant)] = []
            var generator = SplitMix(seed: 7)
            // Minutes, hours, days, and a clock that is set back by a second.
            let steps: [Duration] = [
                .minutes(1), .minutes(3), .minutes(4), .minutes(5), .minutes(6), .minutes(14), .hours(1), .hours(7),
                .days(3), .seconds(-1),
            ]
            for step in 0..<30 {
                app.clock.advance(by: steps[Int(generator.next() % UInt64(steps.count))])
                try await app.runJobs()
                try await app.app.identity.keys.synchronize()
                let now = app.clock.now
                tokens = tokens.filter { now < $0.issued + app.app.configuration.accessTokenLifetime }
                if let token = await app.signIn(person)["access_token"]?.string {
                    tokens.append((token, now))
                } else {
                    Issue.record("step \(step)")
                }
                // Each verifier fetches the key set at other times.
                let index = Int(generator.next() % UInt64(verifiers.count))
                for token in tokens {
                    let isAccepted = try await verifiers[index].accepts(token.text, at: now, app)
                    #expect(isAccepted, "step \(step)")
                    #expect(await app.call("GET", "/v1/auth/profile", token: token.text).status == 200, "step \(step)")
                }
            }
            let activated = try await app.audited("signing-key.activated").compactMap(\.subject)
            #expect(activated.count > 3)
            let removed = try await app.audited("signing-key.removed").compactMap(\.subject)
            #expect(removed.count > 2)
            // Removed keys are not published, and tokens that name them are refused.
            #expect(await app.publishedKeys().allSatisfy { !removed.contains($0) })
            for kid in removed {
                var tampered = try TamperedToken(of: tokens.last?.text ?? person.token)
                tampered.header["kid"] = .string(kid)
                let token = try tampered.signed(by: await app.signingKey())
                #expect(await app.call("GET", "/v1/auth/profile", token: token).code == "authentication-failed")
            }
        }
    }

    @Test func `a token signed by a removed key is refused by the server and by a verifier with a new key set`()
        async throws
    {
        try await withTestApp(.sqlite) { app in
            let person = try await app.register()
            let retired = try await app.signingKey()
            _ = try await app.app.identity.signingKeys.rotate(now: true)
            let honoured = try #require(try await app.app.identity.signingKeys.list().last?.honouredUntil)
            // An attacker signs with the removed private key.
            var tampered = try TamperedToken(of: person.token)
            tampered.claims["exp"] = .integer((honoured + .days(1)).seconds)
            let forged = try tampered.signed(by: retired)
            var verifier = CachingVerifier()
            app.clock.advance(by: honoured - app.clock.now)
            #expect(await app.call("GET", "/v1/auth/profile", token: forged).code == "authentication-failed")
            let isAccepted = try await verifier.accepts(forged, at: app.clock.now, app)
            #expect(!isAccepted)
        }
    }
}

extension TestApp {
    fileprivate func publishedKeys() async -> [String] {
        await call("GET", "/.well-known/jwks.json")["keys"]?.array?.compactMap { $0["kid"]?.string } ?? []
    }
}
