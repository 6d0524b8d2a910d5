import App
import Base
import Modules
import TestKit
import Testing

@testable import Identity

/// The verbs of keys, second factors, organisations and impersonation broken off at their first statement, their second, and so on: the
/// change, its row in the audit trail and its letter are there together, or none of them is.
@Suite struct VerbFaultTests {
    private let trouble = UnavailableDatabase.Switch()

    /// What a verb leaves behind when it is done.
    private struct Trace {
        let action: String
        /// Counts what it changes.
        let effect: SQL
        var difference: Int64 = 1
        var letters: Int64 = 0
    }

    @discardableResult
    private func breakOff(_ app: TestApp, _ trace: Trace, _ call: () async -> TestResponse) async throws -> TestResponse
    {
        let letters: SQL = "SELECT COUNT(*) AS count FROM outbox"
        let audited: SQL =
            "SELECT COUNT(*) AS count FROM audit_events WHERE action = \(trace.action) AND outcome = 'success'"
        let before = (
            effect: try await app.count(trace.effect), letters: try await app.count(letters),
            audited: try await app.count(audited)
        )
        var last: TestResponse?
        let count = try await trouble.failEachStatement { _ in
            last = await call()
        } check: { number in
            let isDone: Int64 = (last?.status ?? 500) < 300 ? 1 : 0
            let place = "\(trace.action), statement \(number)"
            let effect = try await app.count(trace.effect)
            #expect(effect == before.effect + isDone * trace.difference, "\(place)")
            let rows = try await app.count(audited)
            #expect(rows == before.audited + isDone, "\(place)")
            let written = try await app.count(letters)
            #expect(written == before.letters + isDone * trace.letters, "\(place)")
        }
        #expect(count >= 2, "\(trace.action)")
        let response = try #require(last)
        #expect(response.status < 300, "\(trace.action): \(response.text)")
        return response
    }

    @Test(arguments: Engine.available)
    func `keys are made, replaced and revoked whole or not at all`(_ engine: Engine) async throws {
        try await withTestApp(engine, databaseWrapper: trouble.wrap) { app in
            let person = try await app.register()
            let all: SQL = "SELECT COUNT(*) AS count FROM api_keys"
            let revoked: SQL = "SELECT COUNT(*) AS count FROM api_keys WHERE revoked_at IS NOT NULL"
            let made = try await breakOff(app, Trace(action: "api-key.created", effect: all)) {
                await app.makeKey(person, ["identity.read"])
            }
            let id = try #require(made["id"]?.string)
            let replaced = try await breakOff(app, Trace(action: "api-key.rotated", effect: all)) {
                await app.call("POST", "/v1/auth/api-keys/\(id)/rotation?overlap_hours=1", token: person.token)
            }
            let successor = try #require(replaced["id"]?.string)
            try await breakOff(app, Trace(action: "api-key.revoked", effect: revoked)) {
                await app.call("DELETE", "/v1/auth/api-keys/\(successor)", token: person.token)
            }
            try await breakOff(app, Trace(action: "api-key.created", effect: all)) {
                await app.call("POST", "/v1/user/profile/reset-api-key", token: person.token)
            }
        }
    }

    @Test(arguments: Engine.available)
    func `a second factor is set up, confirmed, given new codes and removed whole or not at all`(_ engine: Engine)
        async throws
    {
        try await withTestApp(engine, databaseWrapper: trouble.wrap) { app in
            let person = try await app.register()
            let factors: SQL = "SELECT COUNT(*) AS count FROM second_factors"
            let confirmed: SQL = "SELECT COUNT(*) AS count FROM second_factors WHERE confirmed_at IS NOT NULL"
            let setup = try await breakOff(app, Trace(action: "second_factor.set_up", effect: factors)) {
                await app.mfa("setup", person, ["password": .string(person.password)])
            }
            let authenticator = try Authenticator(setup)
            try await breakOff(app, Trace(action: "second_factor.enabled", effect: confirmed, letters: 1)) {
                await app.mfa("verify", person, ["code": .string(authenticator.code(app))])
            }
            // A code that a broken-off try showed is still good.
            func proof() -> JSONValue {
                ["password": .string(person.password), "code": .string(authenticator.code(app))]
            }
            app.clock.advance(by: .minutes(1))
            // One of the old codes is used, so that the new ones are one more.
            try await app.app.database.write {
                try $0.execute(
                    "UPDATE recovery_codes SET used_at = \($0.now) WHERE code_hash = (SELECT MIN(code_hash) FROM recovery_codes)"
                )
            }
            let replaced: SQL = "SELECT COUNT(*) AS count FROM recovery_codes WHERE used_at IS NULL"
            let codes = try await breakOff(
                app, Trace(action: "second_factor.codes_replaced", effect: replaced, letters: 1)
            ) {
                await app.mfa("backup-codes", person, proof())
            }
            #expect(codes["backup_codes"]?.array?.count == 10)
            app.clock.advance(by: .minutes(1))
            try await breakOff(
                app, Trace(action: "second_factor.disabled", effect: factors, difference: -1, letters: 1)
            ) {
                await app.mfa("disable", person, proof())
            }
        }
    }

    @Test(arguments: Engine.available)
    func `organisations, invitations and memberships change whole or not at all`(_ engine: Engine) async throws {
        try await withTestApp(engine, databaseWrapper: trouble.wrap) { app in
            let (owner, guest) = (try await app.register("owner"), try await app.register("guest"))
            try await app.prove(guest)
            let made = try await breakOff(
                app,
                Trace(
                    action: "organisation.created",
                    effect: "SELECT COUNT(*) AS count FROM memberships WHERE person_id = \(owner.id)")
            ) { await app.call("POST", "/v1/organisations", json: ["name": "A second one"], token: owner.token) }
            let id = try #require(made["id"]?.string)
            let members: SQL = "SELECT COUNT(*) AS count FROM memberships WHERE organisation_id = \(id)"
            let invitations: SQL = "SELECT COUNT(*) AS count FROM invitations"
            app.clock.advance(by: .milliseconds(2))
            try await breakOff(app, Trace(action: "invitation.sent", effect: invitations, letters: 1)) {
                await app.call(
                    "POST", "/v1/organisations/\(id)/invitations", json: ["email": .string(guest.email)],
                    token: owner.token)
            }
            let token = try #require(try await app.mail(to: guest.email).last?.token)
            try await breakOff(app, Trace(action: "invitation.accepted", effect: members)) {
                await app.call(
                    "POST", "/v1/invitations/acceptance", json: ["token": .string(token)], token: guest.token)
            }
            let admins: SQL =
                "SELECT COUNT(*) AS count FROM memberships WHERE organisation_id = \(id) AND role = 'admin'"
            try await breakOff(app, Trace(action: "membership.changed", effect: admins)) {
                await app.call(
                    "PUT", "/v1/organisations/\(id)/members/\(guest.id)", json: ["role": "admin"], token: owner.token)
            }
            try await breakOff(app, Trace(action: "membership.removed", effect: members, difference: -1)) {
                await app.call("DELETE", "/v1/organisations/\(id)/members/\(guest.id)", token: owner.token)
            }
        }
    }

    @Test(arguments: Engine.available)
    func `acting in somebody's name begins and ends whole or not at all`(_ engine: Engine) async throws {
        try await withTestApp(engine, databaseWrapper: trouble.wrap) { app in
            let administrator = try await app.administrator(), person = try await app.register()
            let path = "/v1/auth/users/\(person.id)/impersonation"
            let live: SQL =
                "SELECT COUNT(*) AS count FROM sessions WHERE impersonator_id IS NOT NULL AND revoked_at IS NULL"
            try await breakOff(app, Trace(action: "impersonation.begun", effect: live, letters: 1)) {
                await app.call(
                    "POST", path, json: ["reason": "They cannot find their files"], token: administrator.token)
            }
            try await breakOff(app, Trace(action: "impersonation.ended", effect: live, difference: -1)) {
                await app.call("DELETE", path, token: administrator.token)
            }
        }
    }
}
