import App
import Base
import Modules
import TestKit
import Testing

@testable import Entitlements

@Suite struct ServiceKeyTests {
    private static let path = "/v1/admin/service-keys"

    private func reserve(
        _ app: TestApp, _ operation: String, _ headers: [String: String], meter: String = "workflows"
    ) async -> TestResponse {
        await app.call(
            "POST", "/v1/entitlements/reservations",
            json: ["meter": .string(meter), "units": 2, "operation": .string(operation)], headers: headers)
    }

    private func details(_ app: TestApp, _ action: String) async throws -> [String] {
        try await app.app.database.read {
            try $0.all("SELECT details FROM audit_events WHERE action = \(action) ORDER BY at, id") {
                try $0["details"] as String
            }
        }
    }

    @Test(arguments: Engine.available)
    func `an administrator creates, lists and revokes a service key, whose text is shown once`(engine: Engine)
        async throws
    {
        try await withTestApp(engine) { app in
            let administrator = try await app.administrator()
            let person = try await app.subscriber("student")
            let body: JSONValue = [
                "name": "workflows", "scopes": ["reservations:write"], "meters": ["workflows"],
                "organisations": [.string(person.organisation)],
                "expires_at": .string((app.clock.now + .days(30)).description),
            ]
            #expect(await app.call("POST", Self.path, json: body, token: person.token).code == "insufficient-role")
            let created = await app.call("POST", Self.path, json: body, token: administrator.token)
            let text = try #require(created["service_key"]?.string)
            #expect(created.status == 201 && text.hasPrefix("gh_svc_"), "\(created)")
            #expect(created["organisations"] == [.string(person.organisation)] && created["meters"] == ["workflows"])
            let list = await app.call("GET", Self.path, token: administrator.token)
            #expect(list["service_keys"]?.array?.count == 1 && !list.text.contains(text), "\(list)")
            #expect(list["service_keys"]?[0]?["last_used_at"] == nil)
            #expect(try await details(app, "service-key.created").count == 1)

            let headers = ["Authorization": "Bearer \(text)", "X-Organisation": person.organisation]
            #expect(await reserve(app, "a", headers).status == 201)
            let used = await app.call("GET", Self.path, token: administrator.token)
            #expect(used["service_keys"]?[0]?["last_used_at"] == .string(app.clock.now.description), "\(used)")
            let id = try #require(created["id"]?.string)
            #expect(await app.call("DELETE", "\(Self.path)/\(id)", token: administrator.token).status == 204)
            #expect(await reserve(app, "b", headers).code == "authentication-failed")
            #expect(await app.call("DELETE", "\(Self.path)/\(id)", token: administrator.token).status == 404)
            #expect(try await details(app, "service-key.revoked").count == 1)
        }
    }

    @Test(arguments: Engine.available)
    func `unknown scopes, organisations and meters are 422, with every fault`(engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let administrator = try await app.administrator()
            func pointers(_ members: [String: JSONValue]) async -> [String] {
                let base: [String: JSONValue] = ["name": "test", "scopes": ["usage:write"]]
                let response = await app.call(
                    "POST", Self.path, json: .object(base.merging(members) { $1 }), token: administrator.token)
                #expect(response.status == 422, "\(response)")
                return response["errors"]?.array?.compactMap { $0["pointer"]?.string } ?? []
            }
            #expect(await pointers(["scopes": []]) == ["/scopes"])
            #expect(
                await pointers(["scopes": ["usage:write", "usage.write", "*", "usage:write"]]) == [
                    "/scopes/1", "/scopes/2", "/scopes/3",
                ])
            #expect(
                await pointers([
                    "organisations": ["00000000-0000-7000-8000-00000000dead"], "meters": ["uploads", "dreams"],
                ]) == ["/organisations/0", "/meters/1"])
            #expect(await pointers(["organisations": [], "meters": []]) == ["/organisations", "/meters"])
            #expect(await pointers(["expires_at": .string(app.clock.now.description)]) == ["/expires_at"])
            #expect(await pointers(["name": " "]) == ["/name"])
            #expect(await pointers(["unknown": true]) == ["/unknown"])
            #expect(try await app.app.database.read { try $0.count("SELECT COUNT(*) AS count FROM service_keys") } == 0)
        }
    }

    @Test(arguments: Engine.available)
    func `a service key acts in its organisations and with its meters alone`(engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let (one, other) = (try await app.subscriber("student"), try await app.subscriber("student", "other"))
            let key = try await app.serviceKey(
                ["reservations:write", "usage:write"],
                ["organisations": [.string(one.organisation)], "meters": ["workflows"]])
            let foreign = await reserve(app, "a", key.headers(in: other.organisation))
            #expect(foreign.status == 403 && foreign.code == "not-a-member", "\(foreign)")
            let unnamed = await reserve(app, "a", ["Authorization": "Bearer \(key.text)"])
            #expect(unnamed.status == 400 && unnamed.code == "invalid-request", "\(unnamed)")
            let headers = key.headers(in: one.organisation)
            let meter = await reserve(app, "a", headers, meter: "uploads")
            #expect(meter.status == 403 && meter.code == "insufficient-scope", "\(meter)")
            let batch = await app.call(
                "POST", "/v1/usage/events", json: [event("a", meter: "uploads"), event("b", meter: "workflows")],
                headers: headers)
            #expect(
                batch.status == 207 && batch["results"]?[0]?["code"] == "insufficient-scope"
                    && batch["results"]?[1]?["outcome"] == "accepted", "\(batch)")
            #expect(await reserve(app, "a", headers).status == 201)
            // Other endpoints do not accept it.
            let usage = await app.call("GET", "/v1/usage", headers: headers)
            #expect(usage.status == 401 && usage.code == "authentication-failed", "\(usage)")
            let both = await reserve(app, "a", headers.merging(["X-API-Key": key.text]) { $1 })
            #expect(both.status == 401, "\(both)")
        }
    }

    @Test(arguments: Engine.available)
    func `refusals of a service key are in the audit trail, at most once a minute for one need`(engine: Engine)
        async throws
    {
        try await withTestApp(engine) { app in
            let (one, other) = (try await app.subscriber("student"), try await app.subscriber("student", "other"))
            let administrator = try await app.administrator()
            let key = try await app.serviceKey(
                ["reservations:write"], ["organisations": [.string(one.organisation)]], administrator: administrator)
            func refused() async throws -> [String] {
                try await app.app.database.read { transaction in
                    try transaction.all(
                        """
                        SELECT details FROM audit_events WHERE action = 'access.refused' AND outcome = 'refused'
                            AND subject_kind = 'service-key' AND subject = \(key.id) ORDER BY at, id
                        """
                    ) { try $0["details"] as String }
                }
            }
            for _ in 0..<3 {
                #expect(await reserve(app, "a", key.headers(in: other.organisation)).code == "not-a-member")
                let scope = await app.call(
                    "POST", "/v1/usage/events", json: event("a", meter: "uploads"),
                    headers: key.headers(in: one.organisation))
                #expect(scope.code == "insufficient-scope", "\(scope)")
            }
            #expect(try await refused().count == 2)
            #expect(try await refused().contains { $0.contains("usage:write") })
            #expect(
                await app.call("DELETE", "\(Self.path)/\(key.id)", token: administrator.token).status == 204)
            app.clock.advance(by: .seconds(1))
            for _ in 0..<3 {
                #expect(await reserve(app, "a", key.headers(in: one.organisation)).code == "authentication-failed")
            }
            let rows = try await refused()
            #expect(rows.count == 3 && rows[2].contains("a key that is valid"), "\(rows)")
            #expect(!rows.joined().contains(key.text))
            // Nothing is written for a key that does not exist.
            let unknown = "gh_svc_\(String(repeating: "0", count: 32))_\(String(repeating: "0", count: 48))_00000000"
            #expect(
                await reserve(app, "a", TestServiceKey(id: "", text: unknown).headers(in: one.organisation)).code
                    == "authentication-failed")
            #expect(try await refused().count == 3)
        }
    }

    @Test(arguments: Engine.available)
    func `ids are scoped by key, a successor continues them, and settlements name the key`(engine: Engine)
        async throws
    {
        try await withTestApp(engine) { app in
            let (person, administrator) = (try await app.subscriber("student"), try await app.administrator())
            let (first, second) = (
                try await app.serviceKey(administrator: administrator),
                try await app.serviceKey(administrator: administrator)
            )
            let (one, two) = (first.headers(in: person.organisation), second.headers(in: person.organisation))
            let held = await reserve(app, "job", one)
            let other = await reserve(app, "job", two)
            #expect(held.status == 201 && other.status == 201 && held["id"] != other["id"], "\(held) \(other)")
            #expect(held["operation"] == "job" && other["operation"] == "job")
            let id = try #require(held["id"]?.string)
            let path = "/v1/entitlements/reservations/\(id)/commit"
            #expect(await app.call("POST", path, headers: two).status == 404)
            // The events of two products may have the same id.
            for headers in [one, two] {
                let reported = await app.call(
                    "POST", "/v1/usage/events", json: event("e", 3, meter: "workflows"), headers: headers)
                #expect(reported.status == 201, "\(reported)")
            }
            let usage = await app.call("GET", "/v1/usage", token: person.token)
            #expect(usage["meters"]?["workflows"]?["used"] == 6 && usage["meters"]?["workflows"]?["held"] == 4)

            let rotation = "\(Self.path)/\(first.id)/rotation?overlap_hours=1"
            let rotated = await app.call("POST", rotation, token: administrator.token)
            let text = try #require(rotated["service_key"]?.string, "\(rotated)")
            #expect(rotated.status == 201 && text != first.text)
            #expect(await app.call("POST", rotation, token: administrator.token).code == "api-key-ended")
            app.clock.advance(by: .minutes(61))
            #expect(await app.call("POST", path, headers: one).code == "api-key-expired")
            let successor = ["Authorization": "Bearer \(text)", "X-Organisation": person.organisation]
            let committed = await app.call("POST", path, headers: successor)
            #expect(committed.status == 200 && committed["used"] == 2, "\(committed)")
            #expect(await reserve(app, "job", successor)["state"] == "committed")

            let new = try #require(rotated["id"]?.string)
            for (key, settledBy) in [(first.id, new), (second.id, nil)] as [(String, String?)] {
                let found = try await app.app.database.read {
                    try $0.all("SELECT settled_by FROM reservations WHERE service_key = \(key)") {
                        try $0["settled_by"] as String?
                    }
                }
                #expect(found == [settledBy], "\(found)")
            }
            let entries = try await app.app.database.read {
                try $0.all("SELECT service_key FROM usage_entries ORDER BY service_key") {
                    try $0["service_key"] as String
                }
            }
            #expect(entries == [first.id, second.id, new].sorted())
            #expect(try await details(app, "service-key.rotated").count == 1)
        }
    }
}
