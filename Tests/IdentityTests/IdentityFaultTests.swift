import App
import Base
import Modules
import TestKit
import Testing

@testable import Identity

/// Every operation of keys, second factors, organisations and impersonation with its first statement failing, then its
/// second, and so on: the change, its audit row and its e-mail are atomic.
@Suite struct IdentityFaultTests {
    private let outage = UnavailableDatabase.Switch()

    /// The effect of an operation that succeeds.
    private struct Effect {
        let action: String
        /// Counts the rows that the operation changes.
        let rows: SQL
        var difference: Int64 = 1
        var emails: Int64 = 0
    }

    @discardableResult
    private func expectAtomic(_ app: TestApp, _ expected: Effect, _ call: () async -> TestResponse) async throws
        -> TestResponse
    {
        let emails: SQL = "SELECT COUNT(*) AS count FROM outbox"
        let audited: SQL =
            "SELECT COUNT(*) AS count FROM audit_events WHERE action = \(expected.action) AND outcome = 'success'"
        let before = (
            rows: try await app.count(expected.rows), emails: try await app.count(emails),
            audited: try await app.count(audited)
        )
        var last: TestResponse?
        let count = try await outage.failEachStatement { _ in
            last = await call()
        } check: { number in
            let isDone: Int64 = (last?.status ?? 500) < 300 ? 1 : 0
            let context = "\(expected.action), statement \(number)"
            let rows = try await app.count(expected.rows)
            #expect(rows == before.rows + isDone * expected.difference, "\(context)")
            let auditRows = try await app.count(audited)
            #expect(auditRows == before.audited + isDone, "\(context)")
            let sent = try await app.count(emails)
            #expect(sent == before.emails + isDone * expected.emails, "\(context)")
        }
        #expect(count >= 2, "\(expected.action)")
        let response = try #require(last)
        #expect(response.status < 300, "\(expected.action): \(response.text)")
        return response
    }

    @Test(arguments: Engine.available)
    func `creating, rotating, revoking and resetting an API key is atomic`(_ engine: Engine) async throws {
        try await withTestApp(engine, databaseWrapper: outage.wrap) { app in
            let person = try await app.register()
            let all: SQL = "SELECT COUNT(*) AS count FROM api_keys"
            let revoked: SQL = "SELECT COUNT(*) AS count FROM api_keys WHERE revoked_at IS NOT NULL"
            let created = try await expectAtomic(app, Effect(action: "api-key.created", rows: all, emails: 1)) {
                await app.makeKey(person, ["identity.read"])
            }
            let id = try #require(created["id"]?.string)
            let replaced = try await expectAtomic(app, Effect(action: "api-key.rotated", rows: all, emails: 1)) {
                await app.call("POST", "/v1/auth/api-keys/\(id)/rotation?overlap_hours=1", token: person.token)
            }
            let successor = try #require(replaced["id"]?.string)
            try await expectAtomic(app, Effect(action: "api-key.revoked", rows: revoked)) {
                await app.call("DELETE", "/v1/auth/api-keys/\(successor)", token: person.token)
            }
            try await expectAtomic(app, Effect(action: "api-key.created", rows: all, emails: 1)) {
                await app.call("POST", "/v1/user/profile/reset-api-key", token: person.token)
            }
        }
    }

    @Test(arguments: Engine.available)
    func `setting up, confirming, replacing the codes of and disabling a second factor is atomic`(_ engine: Engine)
        async throws
    {
        try await withTestApp(engine, databaseWrapper: outage.wrap) { app in
            let person = try await app.register()
            let factors: SQL = "SELECT COUNT(*) AS count FROM second_factors"
            let confirmed: SQL = "SELECT COUNT(*) AS count FROM second_factors WHERE confirmed_at IS NOT NULL"
            let setup = try await expectAtomic(app, Effect(action: "second_factor.set_up", rows: factors)) {
                await app.mfa("setup", person, ["password": .string(person.password)])
            }
            let authenticator = try AuthenticatorFixture(setup)
            try await expectAtomic(app, Effect(action: "second_factor.enabled", rows: confirmed, emails: 1)) {
                await app.mfa("verify", person, ["code": .string(authenticator.code(app))])
            }
            // A code of a failed attempt is still accepted.
            func credentials() -> JSONValue {
                ["password": .string(person.password), "code": .string(authenticator.code(app))]
            }
            app.clock.advance(by: .minutes(1))
            // One of the old codes is used, so that replacing them adds one unused code.
            try await app.app.database.write {
                try $0.execute(
                    """
                    UPDATE recovery_codes SET used_at = \($0.now)
                    WHERE code_hash = (SELECT MIN(code_hash) FROM recovery_codes)
                    """
                )
            }
            let replaced: SQL = "SELECT COUNT(*) AS count FROM recovery_codes WHERE used_at IS NULL"
            let codes = try await expectAtomic(
                app, Effect(action: "second_factor.codes_replaced", rows: replaced, emails: 1)
            ) {
                await app.mfa("backup-codes", person, credentials())
            }
            #expect(codes["backup_codes"]?.array?.count == 10)
            app.clock.advance(by: .minutes(1))
            try await expectAtomic(
                app, Effect(action: "second_factor.disabled", rows: factors, difference: -1, emails: 1)
            ) {
                await app.mfa("disable", person, credentials())
            }
        }
    }

    @Test(arguments: Engine.available)
    func `operations on organisations, invitations and memberships are atomic`(_ engine: Engine) async throws {
        try await withTestApp(engine, databaseWrapper: outage.wrap) { app in
            let (owner, guest) = (try await app.register("owner"), try await app.register("guest"))
            try await app.verifyEmail(of: guest)
            let created = try await expectAtomic(
                app,
                Effect(
                    action: "organisation.created",
                    rows: "SELECT COUNT(*) AS count FROM memberships WHERE person_id = \(owner.id)")
            ) { await app.call("POST", "/v1/organisations", json: ["name": "Second organisation"], token: owner.token) }
            let id = try #require(created["id"]?.string)
            let members: SQL = "SELECT COUNT(*) AS count FROM memberships WHERE organisation_id = \(id)"
            let invitations: SQL = "SELECT COUNT(*) AS count FROM invitations"
            app.clock.advance(by: .milliseconds(2))
            try await expectAtomic(app, Effect(action: "invitation.sent", rows: invitations, emails: 1)) {
                await app.call(
                    "POST", "/v1/organisations/\(id)/invitations", json: ["email": .string(guest.email)],
                    token: owner.token)
            }
            let token = try #require(try await app.mail(to: guest.email).last?.token)
            try await expectAtomic(app, Effect(action: "invitation.accepted", rows: members)) {
                await app.call(
                    "POST", "/v1/invitations/acceptance", json: ["token": .string(token)], token: guest.token)
            }
            let admins: SQL =
                "SELECT COUNT(*) AS count FROM memberships WHERE organisation_id = \(id) AND role = 'admin'"
            try await expectAtomic(app, Effect(action: "membership.changed", rows: admins, emails: 1)) {
                await app.call(
                    "PUT", "/v1/organisations/\(id)/members/\(guest.id)", json: ["role": "admin"], token: owner.token)
            }
            try await expectAtomic(app, Effect(action: "membership.removed", rows: members, difference: -1)) {
                await app.call("DELETE", "/v1/organisations/\(id)/members/\(guest.id)", token: owner.token)
            }
        }
    }

    @Test(arguments: Engine.available)
    func `starting and ending an impersonation is atomic`(_ engine: Engine) async throws {
        try await withTestApp(engine, databaseWrapper: outage.wrap) { app in
            let administrator = try await app.administrator(), person = try await app.register()
            let path = "/v1/auth/users/\(person.id)/impersonation"
            let live: SQL =
                "SELECT COUNT(*) AS count FROM sessions WHERE impersonator_id IS NOT NULL AND revoked_at IS NULL"
            try await expectAtomic(app, Effect(action: "impersonation.begun", rows: live, emails: 1)) {
                await app.call(
                    "POST", path, json: ["reason": "They cannot find their files"], token: administrator.token)
            }
            try await expectAtomic(app, Effect(action: "impersonation.ended", rows: live, difference: -1)) {
                await app.call("DELETE", path, token: administrator.token)
            }
        }
    }
}
