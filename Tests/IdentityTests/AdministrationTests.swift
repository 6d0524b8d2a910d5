import App
import Base
import Modules
import TestKit
import Testing

@testable import Identity

/// The user administration endpoints.
@Suite struct AdministrationTests {
    @Test(arguments: Engine.available)
    func `accounts are found by name, role and state, with pagination`(engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let administrator = try await app.administrator()
            let students = [
                try await app.register("stu%_x", role: "student"), try await app.register("stuabc", role: "student"),
            ]
            let other = try await app.register("teacher")
            func list(_ query: String) async -> TestResponse {
                await app.call("GET", "/v1/auth/users?\(query)", token: administrator.token)
            }
            func emails(_ response: TestResponse) -> Set<String> {
                Set(response["users"]?.array?.compactMap { $0["email"]?.string } ?? [])
            }
            let all = await list("")
            #expect(all.status == 200 && all["total"] == 4 && all["limit"] == 50 && all["offset"] == 0)
            #expect(emails(await list("role=student")) == Set(students.map(\.email)))
            #expect(emails(await list("search=STU%25_")) == [students[0].email], "LIKE wildcards are escaped")
            #expect(await list("search=unknown")["total"] == 0)
            let page = await list("limit=1&offset=1")
            #expect(page["users"]?.array?.count == 1 && page["total"] == 4)
            try await app.app.identity.accounts.suspend(other.id)
            #expect(emails(await list("active=false")) == [other.email])
            #expect(await list("active=true")["total"] == 3)
            for query in ["limit=0", "limit=201", "offset=-1", "role=unknown", "active=perhaps", "search=%00"] {
                #expect(await list(query).status == 422, "\(query)")
            }
            let one = await app.call("GET", "/v1/auth/users/\(students[0].id)", token: administrator.token)
            #expect(one["role"] == "student" && one["is_active"] == true && one["sign_in_count"] == 1)
            #expect(!one.text.contains("hash") && !one.text.contains("password"))
            #expect(await app.call("GET", "/v1/auth/users", token: other.token).status == 401, "suspended")
            #expect(await app.call("GET", "/v1/auth/users", token: students[0].token).code == "insufficient-role")
        }
    }

    @Test(arguments: Engine.available)
    func `a role change, a suspension and a forced password reset end the sessions at once and are audited`(
        engine: Engine
    ) async throws {
        try await withTestApp(engine) { app in
            let administrator = try await app.administrator()
            func change(_ person: TestPerson, _ body: JSONValue) async -> TestResponse {
                await app.call("PATCH", "/v1/auth/users/\(person.id)", json: body, token: administrator.token)
            }
            let analyst = try await app.register("analyst")
            let promoted = await change(analyst, ["role": "analyst"])
            #expect(promoted.status == 200 && promoted["role"] == "analyst" && promoted["sign_in_count"] == 0)
            #expect(await app.call("GET", "/v1/auth/verify", token: analyst.token).code == "token-expired")
            #expect(await app.refresh(analyst.refreshToken).status == 401)
            #expect(
                await app.call("GET", "/v1/auth/verify", token: (await app.signIn(analyst))["access_token"]?.string)[
                    "role"] == "analyst")
            #expect(try await app.audited("account.role-changed").last?.details == #"{"from":"user","to":"analyst"}"#)

            let suspended = try await app.register("suspended")
            #expect(await change(suspended, ["is_active": false])["is_active"] == false)
            #expect(await app.call("GET", "/v1/auth/verify", token: suspended.token).status == 401)
            #expect(await app.signIn(suspended).code == "account-suspended")
            #expect(await change(suspended, ["is_active": true])["is_active"] == true)
            #expect(await app.signIn(suspended).status == 200)

            let forced = try await app.register("forced")
            #expect(await change(forced, ["force_password_reset": true]).status == 200)
            #expect(await app.call("GET", "/v1/auth/verify", token: forced.token).status == 401)
            #expect(await app.signIn(forced).code == "invalid-credentials")

            let busy = try await app.register("busy")
            #expect(await change(busy, ["end_sessions": true]).status == 200)
            #expect(await app.call("GET", "/v1/auth/verify", token: busy.token).status == 401)
            #expect(await app.signIn(busy).status == 200)
            for action in ["account.suspended", "account.restored", "account.password-reset-forced"] {
                #expect(try await app.audited(action).map(\.actor) == [administrator.id.text], "\(action)")
            }
            // The rows have the same time, so that their order is not defined.
            #expect(
                try await Set(app.audited("account.sessions-ended").map(\.subject))
                    == Set([analyst, suspended, forced, busy].map(\.id.text)))
            #expect(await change(busy, ["role": "unknown"]).status == 422)
            #expect(await change(busy, ["colour": "red"]).status == 422)
            #expect(await change(busy, [:]).status == 200)
        }
    }

    @Test(arguments: Engine.available)
    func `an administrator cannot revoke their own rights, and one administrator always remains`(engine: Engine)
        async throws
    {
        try await withTestApp(engine) { app in
            let first = try await app.administrator(), second = try await app.administrator()
            func change(_ person: TestPerson, _ body: JSONValue, by token: String) async -> TestResponse {
                await app.call("PATCH", "/v1/auth/users/\(person.id)", json: body, token: token)
            }
            for body: JSONValue in [["role": "user"], ["is_active": false], ["force_password_reset": true]] {
                let response = await change(first, body, by: first.token)
                #expect(response.status == 409 && response.code == "own-account")
            }
            #expect(await app.call("DELETE", "/v1/auth/users/\(first.id)", token: first.token).code == "own-account")
            #expect(await app.call("GET", "/v1/auth/verify", token: first.token).status == 200)
            // Two administrators revoke each other's role concurrently: one remains.
            async let one = change(second, ["role": "user"], by: first.token)
            async let other = change(first, ["role": "user"], by: second.token)
            let responses = await [one, other]
            #expect(responses.contains { $0.status == 200 }, "\(responses)")
            #expect(try await app.count("SELECT COUNT(*) AS count FROM people WHERE role = 'admin'") == 1)
            #expect(try await app.audited("account.role-changed").count == 1)
        }
    }

    @Test(arguments: Engine.available)
    func `a closed account cannot sign in, and closing it again is 404`(engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let administrator = try await app.administrator(), person = try await app.register()
            #expect(await app.call("DELETE", "/v1/auth/users/\(person.id)", token: administrator.token).status == 204)
            #expect(await app.call("GET", "/v1/auth/verify", token: person.token).status == 401)
            #expect(await app.signIn(person).status == 403)
            #expect(await app.call("DELETE", "/v1/auth/users/\(person.id)", token: administrator.token).status == 404)
            #expect(try await app.audited("account.closed").map(\.subject) == [person.id.text])
        }
    }

    @Test(arguments: Engine.available)
    func `promote and resetPassword, which the commands use, change an account`(engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let person = try await app.register()
            let identity = app.app.identity
            #expect(try await identity.users.promote(named: person.email.uppercased()).isNew)
            #expect(try await !identity.users.promote(named: person.email).isNew)
            #expect(await app.call("GET", "/v1/auth/verify", token: person.token).status == 401)
            try await identity.users.resetPassword(named: person.email, to: "other horse battery")
            #expect(await app.signIn(person).code == "invalid-credentials")
            let response = await app.call(
                "POST", "/v1/auth/login", json: ["email": .string(person.email), "password": "other horse battery"])
            #expect(response["user"]?["role"] == "admin")
            await #expect(throws: Problem.self) { _ = try await identity.users.promote(named: "unknown@example.org") }
            await #expect(throws: Problem.self) {
                try await identity.users.resetPassword(named: person.email, to: "short")
            }
        }
    }

    @Test(arguments: Engine.available)
    func `a refusal for an insufficient role is audited at most once a minute`(engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let person = try await app.register(), other = try await app.register()
            for _ in 0..<5 {
                #expect(await app.call("GET", "/v1/auth/users", token: person.token).code == "insufficient-role")
            }
            #expect(await app.call("GET", "/v1/admin/audit-logs", token: other.token).code == "insufficient-role")
            let refused = try await app.audited("access.refused")
            #expect(refused.count == 2 && Set(refused.map(\.actor)) == [person.id.text, other.id.text])
            app.clock.advance(by: .minutes(1))
            #expect(await app.call("GET", "/v1/admin/audit-logs", token: person.token).code == "insufficient-role")
            let rows = try await app.audited("access.refused")
            #expect(rows.count == 3 && rows.allSatisfy { $0.outcome == "refused" })
            #expect(
                rows.last?.details
                    == #"{"before":"4","endpoint":"GET /v1/admin/audit-logs","needed":"admin","role":"user"}"#)
        }
    }
}
