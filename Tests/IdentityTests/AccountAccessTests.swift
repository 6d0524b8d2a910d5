import App
import Base
import Modules
import TestKit
import Testing

@testable import Identity

/// What a reset, a suspension, a closing and a reopening end, so that an account that was in other hands is in its
/// owner's alone.
@Suite struct AccountAccessTests {
    private static let new = "another good password"

    private enum Way: String, CaseIterable {
        case reset, forced, command, suspended, suspendedByCommand, closed, closedByAdministrator
    }

    /// - Returns: whether the account is in use afterwards.
    private func end(_ way: Way, _ person: TestPerson, _ administrator: TestPerson, _ app: TestApp) async throws -> Bool
    {
        let path = "/v1/auth/users/\(person.id)"
        var response: TestResponse?
        switch way {
        case .reset:
            let token = try await app.resetChallenge(person).token
            response = await app.call(
                "POST", "/v1/auth/reset-password",
                json: ["token": .string(token), "new_password": .string(Self.new)])
        case .forced:
            response = await app.call(
                "PATCH", path, json: ["force_password_reset": true], token: administrator.token)
        case .command: try await app.app.identity.users.resetPassword(named: person.email, to: Self.new)
        case .suspended:
            response = await app.call("PATCH", path, json: ["is_active": false], token: administrator.token)
        case .suspendedByCommand: try await app.app.identity.accounts.suspend(person.id)
        case .closed: response = await app.call("DELETE", "/v1/user/profile?confirm=true", token: person.token)
        case .closedByAdministrator: response = await app.call("DELETE", path, token: administrator.token)
        }
        if let response { #expect(response.status < 300, "\(way): \(response)") }
        return [.reset, .forced, .command].contains(way)
    }

    @Test(arguments: Engine.available)
    func `a change of the address, keys and invitations end with every way, and do not return`(_ engine: Engine)
        async throws
    {
        for way in Way.allCases {
            try await withTestApp(engine) { app in
                let administrator = try await app.administrator(), guest = try await app.register("guest")
                let person = try await app.register()
                let key = try #require(await app.makeKey(person, ["*"])["api_key"]?.string)
                let organisation = try await app.organisation(of: person)
                let invitation = try await app.invite(guest.email, to: organisation, as: "owner", by: person)
                let change: JSONValue = ["new_email": "thief@example.org", "password": .string(person.password)]
                #expect(
                    await app.call("POST", "/v1/auth/change-email", json: change, token: person.token).status == 200)
                let link = try #require(try await app.challenges("verify-email", to: "thief@example.org").last?.token)
                func requireEnded(_ moment: String) async throws {
                    let taken = await app.verify(token: link)
                    #expect(["invalid-proof", "proof-used"].contains(taken.code), "\(way), \(moment): \(taken)")
                    let used = await app.call("GET", "/v1/auth/profile", headers: ["X-API-Key": key])
                    #expect(used.code == "authentication-failed", "\(way), \(moment): \(used)")
                    let joined = await app.call(
                        "POST", "/v1/invitations/acceptance", json: ["token": .string(invitation)], token: guest.token)
                    #expect(joined.code == "invitation-not-found", "\(way), \(moment): \(joined)")
                }

                let isInUse = try await end(way, person, administrator, app)
                try await requireEnded("at once")
                #expect(try await app.audited("api-key.revoked").count == 1, "\(way)")
                #expect(try await app.audited("invitation.revoked").count == 1, "\(way)")
                guard !isInUse else { return }
                let restored = await app.call(
                    "PATCH", "/v1/auth/users/\(person.id)", json: ["is_active": true], token: administrator.token)
                #expect(restored["is_active"] == true, "\(way): \(restored)")
                try await requireEnded("reopened")
                #expect(await app.signIn(person).status == 200, "\(way)")
            }
        }
    }

    @Test(arguments: Engine.available)
    func `an account that was suspended with its keys by an earlier version has none once it is restored`(
        _ engine: Engine
    ) async throws {
        try await withTestApp(engine) { app in
            let person = try await app.register()
            let key = try #require(await app.makeKey(person, ["*"])["api_key"]?.string)
            try await app.app.database.write {
                try $0.execute("UPDATE people SET suspended_at = \($0.now) WHERE id = \(person.id)")
            }
            try await app.app.identity.accounts.restore(person.id)
            #expect(
                await app.call("GET", "/v1/auth/profile", headers: ["X-API-Key": key]).code == "authentication-failed")
        }
    }

    @Test(arguments: Engine.available)
    func `an invitation is not accepted while its sender is suspended`(_ engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let owner = try await app.register("owner"), guest = try await app.register("guest")
            let id = try await app.organisation(of: owner)
            let token = try await app.invite(guest.email, to: id, as: "owner", by: owner)
            // As a suspension of an earlier version left it.
            try await app.app.database.write {
                try $0.execute("UPDATE people SET suspended_at = \($0.now) WHERE id = \(owner.id)")
            }
            let accepted = await app.call(
                "POST", "/v1/invitations/acceptance", json: ["token": .string(token)], token: guest.token)
            #expect(accepted.code == "invitation-not-found")
            let members = try await app.count("SELECT COUNT(*) AS count FROM memberships WHERE organisation_id = \(id)")
            #expect(members == 1)
        }
    }

    @Test(arguments: Engine.available)
    func `a removed member's invitations do not return with the member`(_ engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let owner = try await app.register("owner"), admin = try await app.register("admin")
            let guest = try await app.register("guest")
            let id = try await app.organisation(of: owner)
            try await app.join(admin, id, as: "admin", invitedBy: owner)
            let token = try await app.invite(guest.email, to: id, as: "member", by: admin)
            #expect(
                await app.call("DELETE", "/v1/organisations/\(id)/members/\(admin.id)", token: owner.token).status
                    == 204)
            try await app.join(admin, id, as: "admin", invitedBy: owner)
            let accepted = await app.call(
                "POST", "/v1/invitations/acceptance", json: ["token": .string(token)], token: guest.token)
            #expect(accepted.code == "invitation-not-found")
        }
    }

    @Test(arguments: Engine.available)
    func `a suspended owner does not count as one, and gets no mail as one`(_ engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let administrator = try await app.administrator()
            let owner = try await app.register("owner"), second = try await app.register("second")
            let id = try await app.organisation(of: owner)
            try await app.join(second, id, as: "owner", invitedBy: owner)
            #expect(
                await app.call(
                    "PATCH", "/v1/auth/users/\(second.id)", json: ["is_active": false], token: administrator.token
                ).status == 200)
            let path = "/v1/organisations/\(id)/members/\(owner.id)"
            #expect(
                await app.call("DELETE", "/v1/organisations/\(id)/members/me", token: owner.token).code == "last-owner")
            #expect(await app.call("PUT", path, json: ["role": "member"], token: owner.token).code == "last-owner")
            #expect(await app.call("DELETE", "/v1/user/profile?confirm=true", token: owner.token).code == "sole-owner")
            let mails = try await app.mail(to: second.email).count
            _ = try await app.invite("guest@example.org", to: id, as: "admin", by: owner)
            #expect(try await app.mail(to: second.email).count == mails)
            // The suspended owner can be removed.
            #expect(
                await app.call("DELETE", "/v1/organisations/\(id)/members/\(second.id)", token: owner.token).status
                    == 204)
        }
    }

    @Test(arguments: Engine.available)
    func `promote refuses suspended and closed accounts and says whether the address is verified`(_ engine: Engine)
        async throws
    {
        try await withTestApp(engine) { app in
            let users = app.app.identity.users
            let suspended = try await app.register("suspended"), closed = try await app.register("closed")
            try await app.app.identity.accounts.suspend(suspended.id)
            #expect(await app.call("DELETE", "/v1/user/profile?confirm=true", token: closed.token).status == 200)
            for person in [suspended, closed] {
                await #expect(throws: Problem.self) { _ = try await users.promote(named: person.email) }
                #expect(try await !users.resetPassword(named: person.email, to: Self.new))
            }
            #expect(try await app.count("SELECT COUNT(*) AS count FROM people WHERE role = 'admin'") == 0)
            let unverified = try await app.register("unverified", isVerified: false)
            let promotion = try await users.promote(named: unverified.email)
            #expect(promotion.isNew && !promotion.isEmailVerified)
            #expect(try await users.resetPassword(named: unverified.email, to: Self.new))
        }
    }
}
