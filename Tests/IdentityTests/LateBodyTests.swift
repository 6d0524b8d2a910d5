import App
import Base
import Modules
import TestKit
import Testing

@testable import Identity

/// A client that sends the last byte of a body late keeps no right that ended in the meantime, however short or long
/// the wait is.
@Suite struct LateBodyTests {
    /// Below and above the time after which the gate's answers are not used any more.
    private static let waits: [Duration] = [.zero, .seconds(30)]

    private func change(_ app: TestApp, _ person: TestPerson, _ body: JSONValue, by token: String) async -> TestResponse
    {
        await app.call("PATCH", "/v1/auth/users/\(person.id)", json: body, token: token)
    }

    @Test(arguments: Engine.available, waits)
    func `an administrator who is suspended, reset or has another role finishes nothing`(
        _ engine: Engine, _ wait: Duration
    ) async throws {
        try await withTestApp(engine) { app in
            let ways: [JSONValue] = [
                ["is_active": false, "role": "user"], ["force_password_reset": true], ["role": "user"],
                ["end_sessions": true],
            ]
            for way in ways {
                let owner = try await app.administrator(), other = try await app.administrator()
                let person = try await app.register()
                let before = try await app.count("SELECT COUNT(*) AS count FROM sessions")
                let calls: [(method: String, path: String, body: JSONValue)] = [
                    ("PATCH", "auth/users/\(other.id)", ["is_active": true, "role": "admin"]),
                    ("PATCH", "auth/users/\(person.id)", ["role": "admin"]),
                    ("POST", "auth/users/\(person.id)/impersonation", ["reason": "They cannot find their files"]),
                    ("POST", "admin/service-keys", ["name": "late", "scopes": ["usage:write"]]),
                    ("POST", "payments/subscriptions/\(person.id)/adjust", ["plan": "professional"]),
                ]
                var held: [HeldRequest] = []
                for call in calls {
                    held.append(
                        try await app.hold(call.method, "/v1/\(call.path)", json: call.body, token: other.token))
                }
                #expect(await change(app, other, way, by: owner.token).status == 200)
                app.clock.advance(by: wait)
                for (request, call) in zip(held, calls) {
                    let response = await request.finish()
                    #expect(response.code == "token-expired", "\(way), \(call.path): \(response)")
                }
                let users: SQL = """
                    SELECT COUNT(*) AS count FROM people
                    WHERE id = \(person.id) AND role = 'user' AND suspended_at IS NULL
                    """
                #expect(try await app.count(users) == 1)
                #expect(try await app.count("SELECT COUNT(*) AS count FROM sessions") == before)
            }
            #expect(try await app.count("SELECT COUNT(*) AS count FROM service_keys") == 0)
            #expect(try await app.audited("subscription.adjusted").isEmpty)
            #expect(try await app.audited("account.restored").isEmpty)
        }
    }

    @Test(arguments: Engine.available, waits)
    func `a removed, suspended or signed-out member finishes nothing in the organisation`(
        _ engine: Engine, _ wait: Duration
    ) async throws {
        try await withTestApp(engine) { app in
            let administrator = try await app.administrator(), owner = try await app.register("owner")
            let id = try await app.organisation(of: owner)
            let started = await app.call(
                "POST", "/v1/payments/subscribe", json: ["plan": "free"], token: owner.token,
                headers: ["X-Organisation": id])
            #expect(started.status == 201, "\(started)")
            for way in ["removed", "suspended", "signed out"] {
                let member = try await app.register("member")
                try await app.join(member, id, as: "admin", invitedBy: owner)
                let before = try await app.count("SELECT COUNT(*) AS count FROM invitations")
                let calls: [(method: String, path: String, body: JSONValue)] = [
                    ("POST", "auth/api-keys", ["name": "late", "scopes": ["*"]]),
                    ("POST", "organisations/\(id)/invitations", ["email": "late@example.org"]),
                    ("PUT", "organisations/\(id)", ["name": "Renamed"]),
                    ("POST", "payments/cancel-subscription", ["immediate": true]),
                ]
                var held: [HeldRequest] = []
                for call in calls {
                    held.append(
                        try await app.hold(
                            call.method, "/v1/\(call.path)", json: call.body, token: member.token,
                            headers: ["X-Organisation": id]))
                }
                let ended =
                    switch way {
                    case "removed":
                        await app.call("DELETE", "/v1/organisations/\(id)/members/\(member.id)", token: owner.token)
                    case "suspended": await change(app, member, ["is_active": false], by: administrator.token)
                    default: await app.call("POST", "/v1/auth/logout", token: member.token)
                    }
                #expect(ended.status < 300, "\(way): \(ended)")
                app.clock.advance(by: wait)
                for (request, call) in zip(held, calls) {
                    let response = await request.finish()
                    #expect([401, 403, 404].contains(response.status), "\(way), \(call.path): \(response)")
                }
                #expect(try await app.count("SELECT COUNT(*) AS count FROM invitations") == before, "\(way)")
            }
            #expect(try await app.count("SELECT COUNT(*) AS count FROM api_keys") == 0)
            #expect(try await app.audited("organisation.renamed").isEmpty)
            #expect(try await app.audited("subscription.cancelled").isEmpty)
        }
    }

    @Test(arguments: Engine.available)
    func `what belongs to the account alone is refused too once the wait is longer than half a second`(
        _ engine: Engine
    ) async throws {
        try await withTestApp(engine) { app in
            let administrator = try await app.administrator(), person = try await app.register()
            let profile = try await app.hold(
                "PUT", "/v1/auth/me", json: ["full_name": "Late Name"], token: person.token)
            let kept = try await app.hold(
                "PUT", "/v1/auth/me", json: ["full_name": "New Name"], token: administrator.token)
            #expect(await change(app, person, ["is_active": false], by: administrator.token).status == 200)
            app.clock.advance(by: .milliseconds(500))
            #expect(await profile.finish().code == "token-expired")
            // A slow client whose rights have not changed is served.
            #expect(await kept.finish().status == 200)
            let renamed: SQL = "SELECT COUNT(*) AS count FROM people WHERE full_name LIKE '% Name'"
            #expect(try await app.count(renamed) == 1)
        }
    }
}
