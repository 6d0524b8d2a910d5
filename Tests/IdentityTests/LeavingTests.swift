import App
import Base
import Modules
import TestKit
import Testing

@testable import Identity

/// Owners and administrators leave only where others remain.
@Suite struct LeavingTests {
    private enum Way: String, CaseIterable, Sendable { case closing, erasure }

    private func leave(_ app: TestApp, _ person: TestPerson, _ way: Way) async -> TestResponse {
        switch way {
        case .closing: await app.call("DELETE", "/v1/user/profile?confirm=true", token: person.token)
        case .erasure:
            await app.call(
                "POST", "/v1/user/erasure", json: ["password": .string(person.password)], token: person.token)
        }
    }

    /// Makes an account a member of an organisation, as an accepted invitation does.
    private func join(_ app: TestApp, _ person: TestPerson, _ organisation: String, as role: String) async throws {
        try await app.app.database.write { transaction in
            try transaction.execute(
                """
                INSERT INTO memberships (organisation_id, person_id, role, created_at)
                VALUES (\(organisation), \(person.id), \(role), \(transaction.now))
                ON CONFLICT (organisation_id, person_id) DO UPDATE SET role = excluded.role
                """
            )
        }
    }

    /// An organisation of two owners and a member.
    private func team(_ app: TestApp) async throws -> (id: String, owners: [TestPerson], member: TestPerson) {
        let owners = [try await app.register("owner"), try await app.register("second")]
        let member = try await app.register("member")
        let id: ID<Organisation> = app.runtime.id()
        try await app.app.database.write {
            try $0.execute("INSERT INTO organisations (id, name, created_at) VALUES (\(id), 'Team', \($0.now))")
        }
        for owner in owners { try await join(app, owner, id.text, as: "owner") }
        try await join(app, member, id.text, as: "member")
        return (id.text, owners, member)
    }

    private func isOpen(_ app: TestApp, _ person: TestPerson) async -> Bool { await app.signIn(person).status == 200 }

    @Test(arguments: Engine.available)
    func `the last administrator can neither close the account nor schedule its erasure`(_ engine: Engine) async throws
    {
        for way in Way.allCases {
            try await withTestApp(engine) { app in
                let first = try await app.administrator()
                let refused = await leave(app, first, way)
                #expect(refused.status == 409 && refused.code == "last-administrator", "\(way): \(refused)")
                #expect(await isOpen(app, first))
                #expect(try await app.audited("account.closed").isEmpty)
                #expect(try await app.count("SELECT COUNT(*) AS count FROM privacy_erasures") == 0)
                // Each way out of one administrator makes the other one the last.
                let second = try await app.administrator()
                #expect([200, 202].contains(await leave(app, first, way).status), "\(way)")
                for other in Way.allCases {
                    #expect(await leave(app, second, other).code == "last-administrator", "\(way), \(other)")
                }
                #expect(await isOpen(app, second))
            }
        }
    }

    @Test(arguments: Engine.available)
    func `of two administrators who leave concurrently one remains`(_ engine: Engine) async throws {
        for way in Way.allCases {
            try await withTestApp(engine) { app in
                let first = try await app.administrator(), second = try await app.administrator()
                async let one = leave(app, first, way)
                async let other = leave(app, second, way)
                let responses = await [one, other]
                #expect(responses.count { [200, 202].contains($0.status) } == 1, "\(responses)")
                #expect(responses.compactMap(\.code) == ["last-administrator"], "\(responses)")
            }
        }
    }

    @Test(arguments: Engine.available)
    func `an owner who is closed or due for erasure does not count as one`(_ engine: Engine) async throws {
        for way in Way.allCases {
            try await withTestApp(engine) { app in
                let administrator = try await app.administrator()
                let (id, owners, member) = try await team(app)
                #expect([200, 202].contains(await leave(app, owners[0], way).status), "\(way)")
                let last = owners[1]
                for other in Way.allCases {
                    let refused = await leave(app, last, other)
                    #expect(refused.status == 409 && refused.code == "sole-owner", "\(way), \(other): \(refused)")
                }
                let path = "/v1/organisations/\(id)/members/\(last.id)"
                #expect(await app.call("DELETE", path, token: last.token).code == "last-owner")
                #expect(await app.call("PUT", path, json: ["role": "member"], token: last.token).code == "last-owner")
                #expect(
                    await app.call("DELETE", "/v1/auth/users/\(last.id)", token: administrator.token).code
                        == "sole-owner")
                #expect(await isOpen(app, last))
                #expect(await app.call("GET", path.replacing("/\(last.id)", with: ""), token: last.token).status == 200)

                // With another owner the last one may go.
                try await join(app, member, id, as: "owner")
                #expect([200, 202].contains(await leave(app, last, way).status))
            }
        }
    }

    @Test(arguments: Engine.available)
    func `of two owners who leave concurrently one remains`(_ engine: Engine) async throws {
        for way in Way.allCases {
            try await withTestApp(engine) { app in
                let (_, owners, _) = try await team(app)
                async let one = leave(app, owners[0], way)
                async let other = leave(app, owners[1], way)
                let responses = await [one, other]
                #expect(responses.count { [200, 202].contains($0.status) } == 1, "\(responses)")
                #expect(responses.compactMap(\.code) == ["sole-owner"], "\(responses)")
            }
        }
    }

    @Test(arguments: Engine.available)
    func `of two owners whose erasures are due together one is refused and stays`(_ engine: Engine) async throws {
        try await withTestApp(engine) { app in
            // Both request an erasure before they become the owners of an organisation with a member.
            let people = [try await app.register("owner"), try await app.register("second")]
            let member = try await app.register("member")
            try await app.runJobs()
            for person in people { #expect(await leave(app, person, .erasure).status == 202) }
            let id: ID<Organisation> = app.runtime.id()
            try await app.app.database.write {
                try $0.execute("INSERT INTO organisations (id, name, created_at) VALUES (\(id), 'Team', \($0.now))")
            }
            for person in people { try await join(app, person, id.text, as: "owner") }
            try await join(app, member, id.text, as: "member")

            app.clock.advance(by: Erasure.grace + .hours(1))
            try await app.runJobs()
            app.clock.advance(by: Erasure.revocationDelay)
            try await app.runJobs()
            let owners = try await app.app.database.read { transaction in
                try transaction.all(
                    "SELECT person_id FROM memberships WHERE organisation_id = \(id) AND role = 'owner'"
                ) { try $0["person_id"] as ID<Person> }
            }
            let stays = try #require(owners.first)
            #expect(owners.count == 1)
            let postponed = try await app.audited("erasure.postponed")
            #expect(postponed.map(\.subject) == [stays.text])
            #expect(postponed.map(\.outcome) == ["refused"])
            #expect(postponed.map(\.details) == [#"{"reason":"sole-owner"}"#])
            #expect(await isOpen(app, try #require(people.first { $0.id == stays })))
            #expect(await !isOpen(app, try #require(people.first { $0.id != stays })))
        }
    }

    @Test(arguments: Engine.available)
    func `a due erasure of the last administrator is postponed`(_ engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let first = try await app.administrator(), second = try await app.administrator()
            try await app.runJobs()
            #expect(await leave(app, first, .erasure).status == 202)
            // The command line suspends the other one in the meantime.
            try await app.app.identity.accounts.suspend(second.id)
            app.clock.advance(by: Erasure.grace + .hours(1))
            try await app.runJobs()
            #expect(try await app.audited("erasure.postponed").map(\.details) == [#"{"reason":"last-administrator"}"#])
            #expect(await isOpen(app, first))
        }
    }
}
