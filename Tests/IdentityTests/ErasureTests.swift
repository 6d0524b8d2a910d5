import App
import Base
import Foundation
import Modules
import TestKit
import Testing

@testable import Identity

@Suite struct ErasureTests {
    @Test(arguments: Engine.available)
    func `an erasure can be cancelled for fourteen days, during which sign-in works`(engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let person = try await app.register("user")
            #expect(await app.call("GET", "/v1/user/erasure", token: person.token)["scheduled"] == false)
            let wrong = await app.call(
                "POST", "/v1/user/erasure", json: ["password": "another password"], token: person.token)
            #expect(wrong.code == "wrong-password")
            #expect(await app.call("GET", "/v1/user/erasure", token: person.token)["scheduled"] == false)

            let requested = await app.call(
                "POST", "/v1/user/erasure", json: ["password": .string(person.password)], token: person.token)
            #expect(requested.status == 202)
            let due = (app.clock.now + .days(14)).description
            #expect(requested["due_at"]?.string == due)
            let mail = try await app.mail(to: person.email)
            #expect(mail.filter { $0.subject == "Your account will be erased" }.count == 1)
            #expect(mail.filter { $0.text.contains("14 February 2026") }.count == 1)
            app.clock.advance(by: .days(1))
            let signedIn = await app.call(
                "POST", "/v1/auth/login", json: ["email": .string(person.email), "password": .string(person.password)])
            let token = try #require(signedIn["access_token"]?.string)
            let again = await app.call(
                "POST", "/v1/user/erasure", json: ["password": .string(person.password)], token: token)
            #expect(again["due_at"]?.string == due)
            #expect(await app.call("GET", "/v1/user/erasure", token: token)["due_at"]?.string == due)

            #expect(await app.call("DELETE", "/v1/user/erasure", token: token)["scheduled"] == false)
            #expect(await app.call("DELETE", "/v1/user/erasure", token: token).status == 200)
            #expect(
                await app.call(
                    "POST", "/v1/user/erasure/cancellation", json: ["token": .string(try cancellationToken(mail))]
                )
                .code == "not-found")
            app.clock.advance(by: .days(20))
            try await app.runJobs()
            let after = await app.call(
                "POST", "/v1/auth/login", json: ["email": .string(person.email), "password": .string(person.password)])
            #expect(after.status == 200)
            let outcomes = try await app.app.database.read { transaction in
                try transaction.all(
                    "SELECT action, outcome FROM audit_events WHERE action LIKE 'erasure.%' ORDER BY id"
                ) { row in
                    "\(try row["action"] as String) \(try row["outcome"] as String)"
                }
            }
            // Rows with the same time have no defined order.
            #expect(
                outcomes.sorted() == [
                    "erasure.cancelled success", "erasure.requested failure", "erasure.requested success",
                ])
        }
    }

    @Test(arguments: Engine.available)
    func `the link in the e-mail opens a page whose form cancels the erasure`(engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let (person, other) = (try await app.register("user"), try await app.register("other"))
            for account in [person, other] {
                let requested = await app.call(
                    "POST", "/v1/user/erasure", json: ["password": .string(account.password)], token: account.token)
                #expect(requested.status == 202)
            }
            let token = try cancellationToken(try await app.mail(to: person.email))
            let page = await app.call("GET", "/v1/keep-account?token=\(token)")
            #expect(
                page.status == 200 && page.text.contains("action=\"/v1/user/erasure/cancellation\"")
                    && page.text.contains("value=\"\(token)\""))
            #expect(
                await app.call("GET", "/v1/user/erasure", token: person.token)["scheduled"] == true,
                "GET has no effect")
            for wrong in [String(token.dropLast()), String(token.dropLast(2)) + "AA", "_" + token.dropFirst(), "x"] {
                let response = await app.call("POST", "/v1/user/erasure/cancellation", json: ["token": .string(wrong)])
                #expect(response.status == 404 && response.code == "not-found")
            }
            let form = (contentType: "application/x-www-form-urlencoded", bytes: Array("token=\(token)".utf8))
            #expect(await app.call("POST", "/v1/user/erasure/cancellation", body: form)["scheduled"] == false)
            #expect(await app.call("POST", "/v1/user/erasure/cancellation", body: form).code == "not-found")
            #expect(await app.call("GET", "/v1/user/erasure", token: person.token)["scheduled"] == false)
            #expect(await app.call("GET", "/v1/user/erasure", token: other.token)["scheduled"] == true)
            #expect(try await app.audited("erasure.cancelled").count == 1)
        }
    }

    private func cancellationToken(_ mails: [ReceivedMail]) throws -> String {
        try #require(mails.first { $0.subject == "Your account will be erased" }?.token)
    }

    @Test(arguments: Engine.available)
    func `due erasures are looked for every five minutes`(engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let person = try await app.register("user")
            // Registers the schedule.
            try await app.runJobs()
            let requested = await app.call(
                "POST", "/v1/user/erasure", json: ["password": .string(person.password)], token: person.token)
            #expect(requested.status == 202)
            app.clock.advance(by: .days(14) - .microseconds(1))
            try await app.runJobs()
            let login: JSONValue = ["email": .string(person.email), "password": .string(person.password)]
            #expect(await app.call("POST", "/v1/auth/login", json: login).status == 200, "not due yet")
            app.clock.advance(by: .minutes(5))
            try await app.runJobs()
            #expect(await app.call("POST", "/v1/auth/login", json: login).status == 403, "the erasure has begun")
        }
    }

    @Test(arguments: Engine.available)
    func `a due erasure ends the sessions, then deletes the account, and affects no other account`(engine: Engine)
        async throws
    {
        try await withTestApp(engine) { app in
            let (person, other) = (try await app.register("user"), try await app.register("other"))
            let requested = await app.call(
                "POST", "/v1/user/erasure", json: ["password": .string(person.password)], token: person.token)
            #expect(requested.status == 202)
            app.clock.advance(by: .days(14) - .minutes(5))
            try await app.runJobs()
            let late = await app.call(
                "POST", "/v1/auth/login", json: ["email": .string(person.email), "password": .string(person.password)])
            #expect(late.status == 200)
            app.clock.advance(by: .hours(1))
            let renewed = await app.call(
                "POST", "/v1/auth/refresh", json: ["refresh_token": late["refresh_token"] ?? .null])
            let live = try #require(renewed["access_token"]?.string)
            try await app.runJobs()
            #expect(await app.call("GET", "/v1/auth/me", token: live).status == 401)
            #expect(
                await app.call(
                    "POST", "/v1/auth/login",
                    json: ["email": .string(person.email), "password": .string(person.password)]
                ).status == 403)
            app.clock.advance(by: Erasure.revocationDelay)
            try await app.runJobs()
            #expect(
                await app.call(
                    "POST", "/v1/auth/login",
                    json: ["email": .string(person.email), "password": .string(person.password)]
                ).status == 401)
            #expect(await app.call("GET", "/v1/auth/me", token: live).status == 401)
            #expect(
                try app.mailbox().filter { $0.recipient == person.email }.last?.subject
                    == "Your account has been erased")
            let counts = try await app.app.database.read { transaction in
                try ["people", "organisations", "memberships"].map {
                    try transaction.count("SELECT COUNT(*) AS count FROM \(SQL(trusted: $0))")
                }
            }
            #expect(counts == [1, 1, 1])
            let signedIn = await app.call(
                "POST", "/v1/auth/login", json: ["email": .string(other.email), "password": .string(other.password)])
            #expect(signedIn.status == 200)
            // The address can be registered again.
            let new = await app.call(
                "POST", "/v1/auth/register",
                json: ["email": .string(person.email), "password": .string(person.password)])
            #expect(new.status == 201)
            // The audit rows are kept under a pseudonym.
            let rows = try await app.app.database.read { transaction in
                try transaction.all(
                    "SELECT action, actor_id FROM audit_events WHERE action IN ('account.erased', 'erasure.requested')"
                ) { row in
                    (action: try row["action"] as String, actor: try row["actor_id"] as String?)
                }
            }
            #expect(rows.count == 2)
            #expect(Set(rows.map(\.actor)).count == 1)
            #expect(rows[0].actor != person.id.text && rows[0].actor != nil)
        }
    }

    @Test(arguments: Engine.available)
    func `the sole owner of an organisation with other members cannot be erased before transferring it`(engine: Engine)
        async throws
    {
        try await withTestApp(engine) { app in
            let (person, member) = (try await app.register("user"), try await app.register("member"))
            // This creates the rows of the schedules, which run from now on.
            try await app.runJobs()
            func join(as role: String) async throws {
                try await app.app.database.write { transaction in
                    try transaction.execute(
                        """
                        INSERT INTO memberships (organisation_id, person_id, role, created_at)
                        VALUES (\(person.organisation), \(member.id), \(role), \(transaction.now))
                        ON CONFLICT (organisation_id, person_id) DO UPDATE SET role = excluded.role
                        """
                    )
                }
            }
            let before = await app.call(
                "POST", "/v1/user/erasure", json: ["password": .string(person.password)], token: person.token)
            #expect(before.status == 202)
            try await join(as: "member")
            app.clock.advance(by: .days(15))
            try await app.runJobs()
            #expect(try await app.auditCount("erasure.postponed") >= 1)
            let login = await app.call(
                "POST", "/v1/auth/login", json: ["email": .string(person.email), "password": .string(person.password)])
            let token = try #require(login["access_token"]?.string)
            #expect(await app.call("DELETE", "/v1/user/erasure", token: token).status == 200)
            let refused = await app.call(
                "POST", "/v1/user/erasure", json: ["password": .string(person.password)], token: token)
            #expect(refused.status == 409)
            #expect(refused.code == "sole-owner")

            try await join(as: "owner")
            #expect(
                await app.call("POST", "/v1/user/erasure", json: ["password": .string(person.password)], token: token)
                    .status == 202)
            app.clock.advance(by: .days(15))
            try await app.runJobs()
            app.clock.advance(by: .minutes(2))
            try await app.runJobs()
            let remaining = try await app.app.database.read { transaction in
                try transaction.all("SELECT name, personal_of FROM organisations WHERE id = \(person.organisation)") {
                    row in
                    [try row["name"] as String?, try row["personal_of"] as String?]
                }
            }
            #expect(remaining == [["Organisation", nil]])
            #expect(
                try await app.app.database.read {
                    try $0.count("SELECT COUNT(*) AS count FROM people WHERE id = \(person.id)")
                } == 0)
        }
    }

    @Test(arguments: Engine.available) func `every table with a foreign key is registered as personal data`(
        engine: Engine
    ) async throws {
        try await withTestApp(engine) { app in
            let references = try await app.app.database.read { transaction -> Set<String> in
                let statement: SQL =
                    engine == .sqlite
                    ? """
                    SELECT DISTINCT tables.name AS name
                    FROM sqlite_master AS tables, pragma_foreign_key_list(tables.name) AS keys
                    WHERE tables.type = 'table'
                    """
                    : "SELECT DISTINCT conrelid::regclass::text AS name FROM pg_constraint WHERE contype = 'f'"
                return Set(try transaction.all(statement) { try $0["name"] as String })
            }
            // schedule_ticks refers to schedules only. Every other table with a foreign key may refer to an account.
            let registered = Set(app.app.personalDataTables.map(\.table))
            #expect(references.subtracting(registered) == ["schedule_ticks"])
            #expect(Set(app.app.personalDataTables.map(\.name)).count == app.app.personalDataTables.count)
        }
    }
}
