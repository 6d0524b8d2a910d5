import App
import Audit
import Base
import HTTPTypes
import Modules
import Secrets
import TestKit
import Testing

@testable import Identity

@Suite struct APIKeyTests {
    @Test(arguments: Engine.available)
    func `a key is shown once, stored as a hash, and authorises its scopes in either header`(_ engine: Engine)
        async throws
    {
        try await withTestApp(engine) { app in
            let person = try await app.register()
            let created = await app.makeKey(person, ["identity.read"])
            #expect(created.status == 201)
            let text = try #require(created["api_key"]?.string)
            let prefix = try #require(created["prefix"]?.string)
            #expect(text.hasPrefix(prefix + "_"))
            #expect(text.hasPrefix("gh_test_"))

            for headers in [
                ["X-API-Key": text], ["Authorization": "Bearer \(text)"], ["Authorization": "bearer \(text)"],
            ] {
                let response = await app.call("GET", "/v1/auth/profile", headers: headers)
                #expect(response["user"]?["id"] == .string(person.id.text), "\(headers.keys)")
            }
            let verified = await app.call("GET", "/v1/auth/verify", headers: ["X-API-Key": text])
            #expect(verified["organisation_id"] == .string(person.organisation))

            let list = await app.call("GET", "/v1/auth/api-keys", token: person.token)
            let key = try #require(list["api_keys"]?.array?.first)
            #expect(list["api_keys"]?.array?.count == 1)
            #expect(key["prefix"] == .string(prefix))
            #expect(key["scopes"] == ["identity.read"])
            #expect(!list.text.contains(text))
            let secret = try #require(text.split(separator: "_").dropFirst(3).first)
            #expect(!list.text.contains(secret))
            #expect(try await app.stored("SELECT secret_hash AS value FROM api_keys") == [Digest.hex(text)])
            #expect(
                try await app.count(
                    """
                    SELECT COUNT(*) AS count FROM api_keys
                    WHERE prefix LIKE \("%\(secret)%") OR name LIKE \("%\(secret)%")
                    """
                ) == 0)
            let rows = try await app.audited("api-key.created")
            #expect(rows.map(\.actor) == [person.id.text])
            #expect(rows.map(\.subject) == [created["id"]?.string])
            #expect(!rows.contains { $0.details.contains(secret) })
        }
    }

    @Test func `a key with a wrong checksum is refused without a database query`() async throws {
        let counter = CountingDatabase.Counter()
        try await withTestApp(.sqlite, databaseWrapper: { CountingDatabase($0, counter) }) { app in
            let person = try await app.register()
            let text = try #require(await app.makeKey(person, ["*"])["api_key"]?.string)
            let swapped = String(text.dropLast()) + (text.hasSuffix("0") ? "1" : "0")
            let otherEnvironment = KeyText(id: app.runtime.id(), environment: "live", runtime: app.runtime).text
            let before = counter.total
            for malformed in [
                swapped, otherEnvironment, "gh_test_1_2_3", "gh_", "nonsense", text + "0", String(text.dropFirst()),
            ] {
                let response = await app.call("GET", "/v1/auth/profile", headers: ["X-API-Key": malformed])
                #expect(response.code == "authentication-failed")
                #expect(response["details"] == "the API key is malformed or mistyped")
            }
            #expect(counter.total == before)
            // A well-formed unknown key is looked up, which the counter shows.
            let unknown = KeyText(id: app.runtime.id(), environment: "test", runtime: app.runtime).text
            #expect(
                await app.call("GET", "/v1/auth/profile", headers: ["X-API-Key": unknown])["details"]
                    == "the API key is not known")
            #expect(counter.total > before)
        }
    }

    @Test(arguments: Engine.available)
    func `a key needs the scope of the endpoint, and an endpoint without a scope refuses every key`(_ engine: Engine)
        async throws
    {
        try await withTestApp(engine) { app in
            let person = try await app.subscriber("pro")
            let reader = try #require(await app.makeKey(person, ["identity.read"])["api_key"]?.string)
            let all = try #require(await app.makeKey(person, ["*"])["api_key"]?.string)
            let refused = await app.call("GET", "/v1/usage", headers: ["X-API-Key": reader])
            #expect(refused.status == 403)
            #expect(refused.code == "insufficient-scope")
            #expect(refused["scope"] == "entitlements.check")
            // The refusal is audited once a minute.
            for _ in 0..<3 { #expect(await app.call("GET", "/v1/usage", headers: ["X-API-Key": reader]).status == 403) }
            let audited = try await app.audited("access.refused")
            #expect(
                audited.count == 1 && audited.first?.details.contains(#""needed":"scope entitlements.check""#) == true,
                "\(audited)")
            #expect(await app.call("GET", "/v1/usage", headers: ["X-API-Key": all]).status == 200)
            // A request with two credentials is refused.
            let both = await app.call("GET", "/v1/usage", token: person.token, headers: ["X-API-Key": all])
            #expect(both.status == 401 && both.code == "authentication-failed", "\(both)")
            #expect(await app.call("GET", "/v1/training/list-sessions", headers: ["X-API-Key": all]).status == 200)

            // Endpoints of keys, sessions, members and payments require a session.
            let sessionOnly = app.app.routes.filter { $0.keyScope == nil && $0.requiresAccount }
            let paths = Set(sessionOnly.map { "\($0.method) \($0.path)" })
            for path in [
                "POST /v1/auth/api-keys", "GET /v1/auth/api-keys", "POST /v1/user/profile/reset-api-key",
                "POST /v1/auth/logout", "POST /v1/organisations",
                "POST /v1/organisations/{id}/invitations", "DELETE /v1/organisations/{id}/members/{user_id}",
                "POST /v1/payments/subscribe",
                "POST /v1/auth/switch-organisation", "POST /v1/invitations/acceptance",
            ] { #expect(paths.contains(path), "\(path)") }
            for route in sessionOnly {
                let path = route.path.replacing(/\{[^}]*\}/, with: person.organisation)
                let response = await app.call(
                    route.method.rawValue, path, json: route.input == nil ? nil : [:], headers: ["X-API-Key": all])
                #expect(response.code == "insufficient-scope", "\(route.method) \(path): \(response)")
            }
            #expect(await app.call("GET", "/v1/auth/profile", token: person.token).status == 200)
        }
    }

    @Test func `a key can have every scope of an endpoint`() async throws {
        try await withTestApp(.sqlite) { app in
            let scopes = Set(app.app.routes.compactMap(\.keyScope))
            #expect(scopes.contains("training"))
            let response = await app.makeKey(try await app.administrator(), scopes.sorted())
            #expect(response.status == 201, "\(response)")
        }
    }

    @Test(arguments: Engine.available)
    func `a key cannot get a scope that its owner's role lacks`(_ engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let (person, administrator) = (try await app.register(), try await app.administrator())
            for scopes in [["administration.read"], ["training", "no.such.scope"], ["Training"], []] as [[String]] {
                let response = await app.makeKey(person, scopes)
                #expect(response.code == "validation-failed", "\(scopes)")
                #expect(response.pointers.allSatisfy { $0.hasPrefix("/scopes") })
            }
            #expect(await app.makeKey(person, ["training", "training"]).code == "validation-failed")
            #expect(await app.makeKey(person, ["training"], ["name": "\u{202E}gnp"]).pointers == ["/name"])
            #expect(await app.makeKey(administrator, ["administration.read"]).status == 201)
            #expect(try await app.count("SELECT COUNT(*) AS count FROM api_keys") == 1)
        }
    }

    @Test func `the effective scopes of a key depend on its owner's role`() {
        let training = KeyScope("training")
        let catalog = KeyScopeCatalog(products: [training])
        #expect(catalog.effective(["*"], for: .admin) == Set(catalog.all))
        #expect(catalog.effective(["*"], for: .user) == Set(catalog.all).subtracting([.administrationRead]))
        #expect(catalog.effective(["administration.read", "training"], for: .user) == [training])
        #expect(catalog.effective(["gone", "training"], for: .admin) == [training])
        #expect(catalog.effective([], for: .admin).isEmpty)
    }

    @Test(arguments: Engine.available)
    func `a key expires at its expiry time, which is bounded`(_ engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let person = try await app.register()
            let key = try #require(
                await app.makeKey(person, ["identity.read"], ["expires_in_days": 1])["api_key"]?.string)
            app.clock.advance(by: .hours(24) - .seconds(1))
            #expect(await app.call("GET", "/v1/auth/profile", headers: ["X-API-Key": key]).status == 200)
            app.clock.advance(by: .seconds(1))
            let response = await app.call("GET", "/v1/auth/profile", headers: ["X-API-Key": key])
            #expect(response.status == 401)
            #expect(response.code == "api-key-expired")

            let again = try #require(await app.signIn(person)["access_token"]?.string)
            let now = app.clock.now
            for fields: [String: JSONValue] in [
                ["expires_at": .string((now - .seconds(1)).description)],
                ["expires_at": .string((now + .days(4_000)).description)],
                ["expires_at": .string((now + .days(1)).description), "expires_in_days": 1], ["expires_in_days": 0],
                ["expires_at": "tomorrow"],
            ] {
                let body: [String: JSONValue] = ["name": "n", "scopes": ["training"]]
                let refused = await app.call(
                    "POST", "/v1/auth/api-keys", json: .object(body.merging(fields) { $1 }), token: again)
                #expect(refused.code == "validation-failed", "\(fields): \(refused)")
            }
        }
    }

    @Test(arguments: Engine.available)
    func `last_used_at is updated at most once a minute`(_ engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let person = try await app.register()
            let key = try #require(await app.makeKey(person, ["identity.read"])["api_key"]?.string)
            func use() async throws -> Instant? {
                _ = await app.call("GET", "/v1/auth/verify", headers: ["X-API-Key": key])
                return try await app.app.database.read {
                    try $0.first("SELECT last_used_at FROM api_keys") { try $0["last_used_at"] } ?? nil
                }
            }
            let first = app.clock.now
            #expect(try await use() == first)
            app.clock.advance(by: .seconds(59))
            #expect(try await use() == first)
            app.clock.advance(by: .seconds(1))
            #expect(try await use() == app.clock.now)
        }
    }

    @Test(arguments: Engine.available)
    func `rotation creates a successor, and the old key is valid during the overlap`(_ engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let person = try await app.register()
            let created = await app.makeKey(person, ["identity.read"])
            let (old, id) = (try #require(created["api_key"]?.string), try #require(created["id"]?.string))
            let rotated = await app.call("POST", "/v1/auth/api-keys/\(id)/rotation", token: person.token)
            #expect(rotated.status == 201)
            let new = try #require(rotated["api_key"]?.string)
            #expect(rotated["scopes"] == ["identity.read"])
            #expect(rotated["name"] == created["name"])
            func status(_ key: String) async -> Int {
                await app.call("GET", "/v1/auth/profile", headers: ["X-API-Key": key]).status
            }
            #expect(await status(old) == 200)
            #expect(await status(new) == 200)
            let listed = await app.call("GET", "/v1/auth/api-keys", token: person.token)["api_keys"]?.array ?? []
            #expect(Set(listed.map { $0["id"]?.string }) == [id, rotated["id"]?.string])
            #expect(listed.first { $0["id"]?.string == id }?["successor_id"] == rotated["id"])
            #expect(
                await app.call("POST", "/v1/auth/api-keys/\(id)/rotation", token: person.token).code == "api-key-ended")
            #expect(try await app.audited("api-key.rotated").count == 1)

            app.clock.advance(by: APIKey.overlap)
            #expect(await status(old) == 401)
            #expect(await status(new) == 200)
            let token = try #require(await app.signIn(person)["access_token"]?.string)
            let next = try #require(rotated["id"]?.string)
            let last = await app.call("POST", "/v1/auth/api-keys/\(next)/rotation?overlap_hours=0", token: token)
            #expect(await status(new) == 401)
            #expect(await status(try #require(last["api_key"]?.string)) == 200)
        }
    }

    @Test(arguments: Engine.available)
    func `a revocation takes effect at once on this node and within a second on others`(_ engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let (person, other) = (try await app.register(), try await app.register("other"))
            let created = await app.makeKey(person, ["identity.read"])
            let (key, id) = (try #require(created["api_key"]?.string), try #require(created["id"]?.string))
            try await app.withSecondProcess { second in
                #expect(await second.call("GET", "/v1/auth/profile", headers: ["X-API-Key": key]).status == 200)
                #expect(await app.call("GET", "/v1/auth/profile", headers: ["X-API-Key": key]).status == 200)
                #expect(await app.call("DELETE", "/v1/auth/api-keys/\(id)", token: other.token).status == 404)
                #expect(await app.call("DELETE", "/v1/auth/api-keys/\(id)", token: person.token).status == 204)
                #expect(
                    await app.call("GET", "/v1/auth/profile", headers: ["X-API-Key": key])["details"]
                        == "the API key is not valid any more")
                app.clock.advance(by: .seconds(1))
                #expect(await second.call("GET", "/v1/auth/profile", headers: ["X-API-Key": key]).status == 401)
            }
            #expect(await app.call("DELETE", "/v1/auth/api-keys/\(id)", token: person.token).status == 404)
            #expect(try await app.audited("api-key.revoked").count == 1)
        }
    }

    @Test(arguments: Engine.available)
    func `a reset replaces the default key only`(_ engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let person = try await app.register()
            let other = try #require(await app.makeKey(person, ["identity.read"])["api_key"]?.string)
            let first = try #require(
                await app.call("POST", "/api/user/profile/reset-api-key", token: person.token)["api_key"]?.string)
            let reset = await app.call("POST", "/v1/user/profile/reset-api-key", token: person.token)
            let second = try #require(reset["api_key"]?.string)
            #expect(reset["message"]?.string != nil)
            #expect(await app.call("GET", "/v1/auth/profile", headers: ["X-API-Key": first]).status == 401)
            for key in [second, other] {
                #expect(await app.call("GET", "/v1/auth/profile", headers: ["X-API-Key": key]).status == 200)
            }
            let live = try await app.count(
                "SELECT COUNT(*) AS count FROM api_keys WHERE is_default = 1 AND revoked_at IS NULL")
            #expect(live == 1)
        }
    }

    @Test(arguments: Engine.available)
    func `the number of keys is bounded, also for concurrent requests`(_ engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let person = try await app.register()
            for _ in 1..<APIKey.countMax { _ = await app.makeKey(person, ["training"]) }
            async let first = app.makeKey(person, ["training"])
            async let second = app.makeKey(person, ["training"])
            #expect(await [first.status, second.status].sorted() == [201, 409])
            #expect(try await app.count("SELECT COUNT(*) AS count FROM api_keys") == Int64(APIKey.countMax))
            let refused = await app.makeKey(person, ["training"])
            #expect(refused.code == "too-many-api-keys")
            let id = try #require(
                await app.call("GET", "/v1/auth/api-keys", token: person.token)["api_keys"]?.array?.first?["id"]?.string
            )
            _ = await app.call("DELETE", "/v1/auth/api-keys/\(id)", token: person.token)
            #expect(await app.makeKey(person, ["training"]).status == 201)
        }
    }

    @Test(arguments: Engine.available)
    func `the number of revoked keys of an account is bounded`(_ engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let person = try await app.register()
            for _ in 0...(APIKey.deadCountMax + 5) {
                #expect(await app.call("POST", "/v1/user/profile/reset-api-key", token: person.token).status == 200)
                app.clock.advance(by: .milliseconds(1))
            }
            let list = await app.call("GET", "/v1/auth/api-keys", token: person.token)["api_keys"]?.array ?? []
            #expect(list.count == APIKey.deadCountMax + 1)
            #expect(try await app.count("SELECT COUNT(*) AS count FROM api_keys") == Int64(list.count))
            #expect(list.first?["revoked_at"] == .null || list.first?["revoked_at"] == nil)
        }
    }

    @Test(arguments: Engine.available)
    func `the key of a suspended account is refused`(_ engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let person = try await app.register()
            let key = try #require(await app.makeKey(person, ["*"])["api_key"]?.string)
            #expect(await app.call("GET", "/v1/auth/profile", headers: ["X-API-Key": key]).status == 200)
            try await app.app.identity.accounts.suspend(person.id)
            #expect(
                await app.call("GET", "/v1/auth/profile", headers: ["X-API-Key": key]).code == "authentication-failed")
        }
    }

    @Test(arguments: Engine.available)
    func `a wrong secret of an existing key is audited once a minute`(_ engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let person = try await app.register()
            let id = try #require(await app.makeKey(person, ["*"])["id"]?.string.flatMap { ID<APIKey>($0) })
            for round in 1...2 {
                for _ in 0..<5 {
                    let wrong = KeyText(id: id, environment: "test", runtime: app.runtime).text
                    #expect(
                        await app.call("GET", "/v1/auth/profile", headers: ["X-API-Key": wrong])["details"]
                            == "the API key is not known")
                }
                let rows = try await app.audited("api-key.used")
                #expect(rows.count == round)
                #expect(rows.allSatisfy { $0.outcome == "failure" && $0.subject == id.text })
                app.clock.advance(by: .minutes(1))
            }
        }
    }

    @Test(arguments: Engine.available)
    func `actions with a key are audited with the id of the key`(_ engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let person = try await app.subscriber("pro")
            let created = await app.makeKey(person, ["training"])
            let key = try #require(created["api_key"]?.string)
            let scope = try await app.scope(headers: ["X-API-Key": key])
            try await app.app.database.write {
                try app.app.identity.audit.record(AuditEvent("test.done", by: scope), in: $0)
            }
            let row = try #require(try await app.audited("test.done").first)
            #expect(row.actor == person.id.text)
            #expect(row.details.contains(try #require(created["id"]?.string)))
        }
    }

    @Test(arguments: Engine.available)
    func `expired and revoked keys are pruned after the retention`(_ engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let person = try await app.register()
            _ = await app.makeKey(person, ["training"], ["expires_in_days": 1])
            let id = try #require(await app.makeKey(person, ["training"])["id"]?.string)
            _ = await app.makeKey(person, ["training"])
            _ = await app.call("DELETE", "/v1/auth/api-keys/\(id)", token: person.token)
            app.clock.advance(by: CredentialPruningJob.keysKept - .hours(1))
            try await app.prune()
            #expect(try await app.count("SELECT COUNT(*) AS count FROM api_keys") == 3)
            app.clock.advance(by: .days(2))
            try await app.prune()
            #expect(try await app.count("SELECT COUNT(*) AS count FROM api_keys") == 1)
        }
    }
}

extension TestApp {
    func makeKey(
        _ person: TestPerson, _ scopes: [String], _ more: [String: JSONValue] = [:], headers: [String: String] = [:]
    ) async -> TestResponse {
        let body: [String: JSONValue] = ["name": "for a test", "scopes": .array(scopes.map { .string($0) })]
        return await call(
            "POST", "/v1/auth/api-keys", json: .object(body.merging(more) { $1 }), token: person.token, headers: headers
        )
    }

    /// The column `value` of a query, as text.
    func stored(_ sql: SQL) async throws -> [String] {
        try await app.database.read { transaction in try transaction.all(sql) { try $0["value"] } }
    }

    func prune() async throws {
        try await app.database.write { [queue = app.queue] in _ = try queue.enqueue(CredentialPruningJob(), in: $0) }
        try await runJobs()
    }
}
