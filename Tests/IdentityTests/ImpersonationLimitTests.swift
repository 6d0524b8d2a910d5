import App
import Base
import Modules
import TestKit
import Testing

@testable import Identity

/// What an impersonation does not permit, and what ends with it.
@Suite struct ImpersonationLimitTests {
    private func impersonate(_ app: TestApp, _ person: TestPerson, by administrator: TestPerson) async throws -> String
    {
        let response = await app.call(
            "POST", "/v1/auth/users/\(person.id)/impersonation", json: ["reason": "They cannot find their files"],
            token: administrator.token)
        return try #require(response["access_token"]?.string, "\(response)")
    }

    @Test(arguments: Engine.available)
    func `an impersonation stays in the organisation that it began in`(_ engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let administrator = try await app.administrator(), person = try await app.register()
            try await app.verifyEmail(of: person)
            let created = await app.call(
                "POST", "/v1/organisations", json: ["name": "Second organisation"], token: person.token)
            let id = try #require(created["id"]?.string, "\(created)")
            let token = try await impersonate(app, person, by: administrator)
            func get(_ path: String, in organisation: String?, _ token: String) async -> TestResponse {
                await app.call(
                    "GET", path, token: token, headers: organisation.map { ["X-Organisation": $0] } ?? [:])
            }
            for path in ["/v1/auth/verify", "/v1/training/list-sessions", "/v1/organisations"] {
                #expect(await get(path, in: id, token).status == 403, "\(path)")
                #expect(await get(path, in: id, person.token).code != "not-a-member", "\(path)")
            }
            #expect(await get("/v1/auth/verify", in: id, token).code == "not-a-member")
            #expect(await get("/v1/auth/verify", in: person.organisation, token).status == 200)
            #expect(await get("/v1/auth/verify", in: nil, token).status == 200)
            for path in ["/v1/organisations/\(id)", "/v1/organisations/\(id)/members"] {
                let refused = await get(path, in: nil, token)
                #expect(refused.status == 403 && refused.code == "insufficient-role", "\(path): \(refused)")
                #expect(await get(path, in: nil, person.token).status == 200, "\(path)")
            }
            #expect(await get("/v1/organisations/\(person.organisation)", in: nil, token).status == 200)
        }
    }

    @Test(arguments: Engine.available)
    func `what is refused to an impersonation and what it changes is in the audit trail`(_ engine: Engine) async throws
    {
        try await withTestApp(engine) { app in
            let administrator = try await app.administrator(), person = try await app.register()
            let id = try await app.organisation(of: person)
            let token = try await impersonate(app, person, by: administrator)
            func rows(_ action: String) async throws -> [[String?]] {
                try await app.app.database.read { transaction in
                    try transaction.all(
                        """
                        SELECT actor_id, impersonator_id, outcome, details FROM audit_events
                        WHERE action = \(action) AND impersonator_id IS NOT NULL ORDER BY at, sequence, id
                        """
                    ) { row in
                        [
                            try row["actor_id"] as String?, try row["impersonator_id"] as String?,
                            try row["outcome"] as String?, try row["details"] as String?,
                        ]
                    }
                }
            }
            let calls: [(method: String, path: String, headers: [String: String], needed: String)] = [
                ("DELETE", "/v1/auth/sessions", [:], "a session of the person"),
                ("GET", "/v1/auth/verify", ["X-Organisation": id], "the organisation of the account"),
            ]
            for (method, path, headers, needed) in calls {
                // Rows of one moment have no order.
                app.clock.advance(by: .milliseconds(2))
                let before = try await rows("access.refused").count
                for _ in 0..<2 {
                    #expect(await app.call(method, path, token: token, headers: headers).status == 403, "\(path)")
                }
                let refused = try await rows("access.refused")
                #expect(refused.count == before + 1, "\(path): \(refused)")
                let last = try #require(refused.last)
                #expect(last[0] == person.id.text && last[1] == administrator.id.text && last[2] == "refused")
                #expect(last[3]?.contains(needed) == true && last[3]?.contains("\(method) \(path)") == true, "\(last)")
            }
            // A path names another organisation: the same need, whose next row comes after a minute.
            app.clock.advance(by: .minutes(1))
            #expect(await app.call("GET", "/v1/organisations/\(id)", token: token).code == "insufficient-role")
            #expect(try await rows("access.refused").last?[3]?.contains("\"before\":\"1\"") == true)
            let switched = await app.call(
                "POST", "/v1/auth/switch-organisation", json: ["organisation_id": .string(id)], token: token)
            #expect(switched.code == "insufficient-role")
            #expect(try await rows("session.moved").map { $0[2] } == ["refused"])

            let requests = try await rows("impersonation.request").count
            app.clock.advance(by: .milliseconds(2))
            let session: JSONValue = ["sessionId": "s"]
            #expect(await app.call("POST", "/v1/training/init-session", json: session, token: token).status == 200)
            _ = await app.call("GET", "/v1/training/list-sessions", token: token)
            _ = await app.call("POST", "/v1/training/init-session", json: session, token: person.token)
            let made = try await rows("impersonation.request")
            #expect(made.count == requests + 1)
            #expect(made.last?[0] == person.id.text && made.last?[1] == administrator.id.text)
            #expect(made.last?[3]?.contains("POST /v1/training/init-session") == true, "\(made)")

            // The impersonation of an administrator is refused, with a row.
            let other = try await app.administrator()
            let refused = await app.call(
                "POST", "/v1/auth/users/\(other.id)/impersonation", json: ["reason": "A support question"],
                token: administrator.token)
            #expect(refused.code == "impersonation-not-allowed", "\(refused)")
            let begun = try await app.audited("impersonation.begun", "refused")
            #expect(begun.map(\.actor) == [administrator.id.text])
        }
    }

    @Test(arguments: Engine.available)
    func `an impersonation gets no export link, reports no usage and deletes no sessions`(_ engine: Engine) async throws
    {
        try await withTestApp(engine) { app in
            let administrator = try await app.administrator(), person = try await app.subscriber("pro")
            try await app.verifyEmail(of: person)
            #expect(await app.call("POST", "/v1/user/export", token: person.token).status == 202)
            try await app.runJobs()
            #expect(await app.call("GET", "/v1/user/export", token: person.token)["link"]?.string != nil)
            let created = await app.call(
                "POST", "/v1/training/init-session", json: ["sessionId": "s"], token: person.token)
            #expect(created.status == 200, "\(created)")

            let token = try await impersonate(app, person, by: administrator)
            let export = await app.call("GET", "/v1/user/export", token: token)
            #expect(export["state"] == "ready")
            #expect(export["link"]?.string == nil && !export.text.contains("/v1/user/export/"))
            let calls: [(String, JSONValue)] = [
                ("/v1/usage/events", ["id": "a", "meter": "uploads", "amount": 1]),
                ("/v1/entitlements/reservations", ["meter": "uploads", "units": 1, "operation": "a"]),
                ("/v1/training/delete-all-sessions", ["confirm": true]),
            ]
            for (path, body) in calls {
                let response = await app.call("POST", path, json: body, token: token)
                #expect(response.status == 403, "\(path): \(response)")
            }
            for table: SQL in ["usage_entries", "reservations"] {
                #expect(try await app.count("SELECT COUNT(*) AS count FROM \(table)") == 0)
            }
            #expect(try await app.count("SELECT COUNT(*) AS count FROM training_sessions") == 1)
        }
    }

    @Test(arguments: Engine.available)
    func `the impersonations by an administrator end with the password, the sessions and the account`(_ engine: Engine)
        async throws
    {
        try await withTestApp(engine) { app in
            let person = try await app.register()
            for way in ["change", "reset", "close"] {
                // The last administrator could not close the account.
                _ = try await app.administrator()
                let administrator = try await app.administrator()
                let token = try await impersonate(app, person, by: administrator)
                #expect(await app.call("GET", "/v1/auth/verify", token: token).status == 200)
                let response =
                    switch way {
                    case "change":
                        await app.call(
                            "POST", "/v1/auth/change-password",
                            json: [
                                "current_password": .string(administrator.password),
                                "new_password": "another good password",
                            ], token: administrator.token)
                    case "reset":
                        await app.call(
                            "POST", "/v1/auth/reset-password",
                            json: [
                                "token": .string(try await app.resetChallenge(administrator).token),
                                "new_password": "another good password",
                            ])
                    default: await app.call("DELETE", "/v1/user/profile?confirm=true", token: administrator.token)
                    }
                #expect(response.status == 200, "\(way): \(response)")
                #expect(await app.call("GET", "/v1/auth/verify", token: token).code == "token-expired", "\(way)")
            }
            #expect(await app.call("GET", "/v1/auth/verify", token: person.token).status == 200)
        }
    }
}
