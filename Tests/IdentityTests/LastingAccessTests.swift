import App
import Base
import Modules
import TestKit
import Testing

@testable import Identity

/// What outlasts the token that makes it: a stolen one does not suffice, and the people concerned are notified.
@Suite struct LastingAccessTests {
    @Test(arguments: Engine.available)
    func `inviting or making an owner or an admin needs the password once the sign-in is five minutes old`(
        _ engine: Engine
    ) async throws {
        try await withTestApp(engine) { app in
            let owner = try await app.register("owner"), member = try await app.register("member")
            let id = try await app.organisation(of: owner)
            try await app.join(member, id, as: "member", invitedBy: owner)
            app.clock.advance(by: Confirmation.recency)
            let before = try await app.mail(to: owner.email).count
            let calls: [(method: String, path: String, body: [String: JSONValue])] = [
                ("POST", "\(id)/invitations", ["email": "a@example.org", "role": "owner"]),
                ("POST", "\(id)/invitations", ["email": "b@example.org", "role": "admin"]),
                ("POST", "\(owner.organisation)/invitations", ["email": "c@example.org", "role": "member"]),
                ("PUT", "\(id)/members/\(member.id)", ["role": "admin"]),
                ("PUT", "\(id)/members/\(member.id)", ["role": "owner"]),
            ]
            func send(_ call: (method: String, path: String, body: [String: JSONValue]), _ more: [String: JSONValue])
                async -> TestResponse
            {
                await app.call(
                    call.method, "/v1/organisations/\(call.path)", json: .object(call.body.merging(more) { $1 }),
                    token: owner.token)
            }
            for call in calls {
                let refused = await send(call, [:])
                #expect(refused.status == 403 && refused.code == "reauthentication-required", "\(call): \(refused)")
                let wrong = await send(call, ["password": "not this one"])
                #expect(wrong.status == 401 && wrong.code == "wrong-password", "\(call): \(wrong)")
            }
            #expect(try await app.audited("membership.changed", "success").isEmpty)
            #expect(try await app.count("SELECT COUNT(*) AS count FROM invitations WHERE accepted_at IS NULL") == 0)
            #expect(try await app.mail(to: owner.email).count == before)
            // An ordinary member of a team, and fewer rights, need no more than the session.
            let plain = await send(("POST", "\(id)/invitations", ["email": "d@example.org"]), [:])
            #expect(plain.status == 201, "\(plain)")
            #expect(await send(("PUT", "\(id)/members/\(member.id)", ["role": "member"]), [:]).status == 200)
            #expect(try await app.mail(to: owner.email).count == before)

            // The wrong passwords have delayed further attempts.
            app.clock.advance(by: .minutes(5))
            let password: [String: JSONValue] = ["password": .string(owner.password)]
            for call in calls {
                let response = await send(call, password)
                #expect([200, 201].contains(response.status), "\(call): \(response)")
            }
            let mails = try await app.mail(to: owner.email).dropFirst(before)
            #expect(mails.count == calls.count)
            #expect(mails.allSatisfy { $0.subject == "Access to your organisation was given" })
            #expect(mails.contains { $0.text.contains("a@example.org") && $0.text.contains("owner") })
            #expect(mails.contains { $0.text.contains(member.email) })
        }
    }

    @Test(arguments: Engine.available)
    func `an administrator gives roles, restores, impersonates and makes service keys with the password`(
        _ engine: Engine
    ) async throws {
        try await withTestApp(engine) { app in
            let administrator = try await app.administrator()
            let person = try await app.register(), suspended = try await app.register("suspended")
            try await app.app.identity.accounts.suspend(suspended.id)
            app.clock.advance(by: Confirmation.recency)
            let before = try await app.mail(to: administrator.email).count
            let calls: [(method: String, path: String, body: [String: JSONValue])] = [
                ("POST", "auth/users/\(person.id)/impersonation", ["reason": "They cannot find their files"]),
                ("PATCH", "auth/users/\(person.id)", ["role": "admin"]),
                ("PATCH", "auth/users/\(suspended.id)", ["is_active": true]),
                ("POST", "admin/service-keys", ["name": "late", "scopes": ["usage:write"]]),
            ]
            func send(_ call: (method: String, path: String, body: [String: JSONValue]), _ more: [String: JSONValue])
                async -> TestResponse
            {
                await app.call(
                    call.method, "/v1/\(call.path)", json: .object(call.body.merging(more) { $1 }),
                    token: administrator.token)
            }
            for call in calls {
                let refused = await send(call, [:])
                #expect(refused.status == 403 && refused.code == "reauthentication-required", "\(call): \(refused)")
            }
            #expect(try await app.count("SELECT COUNT(*) AS count FROM service_keys") == 0)
            #expect(try await app.count("SELECT COUNT(*) AS count FROM people WHERE role = 'admin'") == 1)
            #expect(try await app.audited("account.restored").isEmpty)
            // What ends access needs no more than the session.
            #expect(await send(("PATCH", "auth/users/\(person.id)", ["end_sessions": true]), [:]).status == 200)
            #expect(try await app.mail(to: administrator.email).count == before)

            for call in calls {
                let response = await send(call, ["password": .string(administrator.password)])
                #expect([200, 201].contains(response.status), "\(call): \(response)")
            }
            let key = try #require(
                await app.call("GET", "/v1/admin/service-keys", token: administrator.token)["service_keys"]?[0]?["id"]?
                    .string)
            let rotation = "/v1/admin/service-keys/\(key)/rotation"
            #expect(await app.call("POST", rotation, token: administrator.token).code == "reauthentication-required")
            let mails = try await app.mail(to: administrator.email).dropFirst(before)
            #expect(mails.map(\.subject) == Array(repeating: "Your administrator's account was used", count: 3))
            #expect(mails.contains { $0.text.contains("\(person.email) got the role admin") })
        }
    }
}
