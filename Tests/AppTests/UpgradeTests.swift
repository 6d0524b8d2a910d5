import App
import Audit
import Base
import Foundation
import Modules
import Storage
import TestKit
import Testing

/// This version on the data of earlier ones, and beside a later one.
@Suite struct UpgradeTests {
    private static let later = Migration(
        "test-001-later", "ALTER TABLE people ADD COLUMN test_note TEXT",
        "CREATE TABLE test_notes (id TEXT PRIMARY KEY NOT NULL) \(.strict)")

    @Test func `an installation of each migrated version is kept`() {
        #expect(
            !UpgradeFixture.all.isEmpty,
            "There is no fixture in Tests/Cases/upgrades: `scripts/fixture` writes one of this version.")
    }

    @Test(arguments: Engine.available, UpgradeFixture.all)
    func `this version opens the data of an earlier one`(engine: Engine, fixture: UpgradeFixture) async throws {
        let installation = try fixture.installation(engine)
        try await fixture.withSystem(engine) { app in
            let applied = try await app.app.database.read { try Set(Migrator.applied(in: $0)) }
            #expect(applied == Set(allMigrations.map(\.name)) && applied.isSuperset(of: installation.migrations))
            let faults = try await Invariants.faults(in: app.app.database)
            #expect(faults == [])
            let audit = try await app.app.audit.verification.verify()
            #expect(audit.isSound && audit.rows > 10, "\(audit.findings)")
            let signedIn = await app.call(
                "POST", "/v1/auth/login",
                json: ["email": .string(installation.email), "password": .string(installation.password)])
            let token = try #require(signedIn["access_token"]?.string, "\(signedIn)")
            for path in SampleInstallation.paths {
                let response = await app.call("GET", path, token: token)
                #expect(response.status == 200, "\(path): \(response)")
            }
            let file = await app.call("GET", "/v1/files/read?path=folder/notes.txt", token: token)
            #expect(file.text.contains("Notes"), "\(file)")
            // New work beside the old.
            try await app.app.runner.registerSchedules()
            let organisation = await app.call(
                "POST", "/v1/organisations", json: ["name": "After the upgrade"], token: token)
            #expect(organisation.status == 201, "\(organisation)")
            let later = try await Invariants.faults(in: app.app.database)
            #expect(later == [])
        }
    }

    @Test(arguments: Engine.available)
    func `a version older than the database is refused by every command, which says what to do`(engine: Engine)
        async throws
    {
        try await withTestApp(engine) { app in
            try await Migrator(allMigrations + [Self.later]).run(on: app.app.database)
            for command in [
                ["serve", "--port", "0"], ["work"], ["migrate"], ["migrate", "--dry-run"], ["verify"],
                ["audit", "verify"], ["admin", "promote", "--email", "user@example.org"],
            ] {
                let refused = try await AuditCommandTests.run(command, on: app)
                #expect(refused.status == 2, "\(command): \(refused)")
                #expect(
                    refused.errors.contains("'test-001-later'") && refused.errors.contains("Run the newer version"),
                    "\(command): \(refused)")
            }
        }
    }

    @Test(arguments: Engine.available)
    func `an older and a newer version answer side by side until the older one stops`(engine: Engine) async throws {
        try await withTestApp(engine) { old in
            let person = try await old.register()
            // Statements that the older one has prepared before the migration.
            #expect(await old.call("GET", "/v1/auth/me", token: person.token).status == 200)
            try await Self.withNewer(old) { new in
                let columns = try await new.app.database.read { transaction in
                    try transaction.first("SELECT * FROM people")?.columns.names ?? []
                }
                #expect(columns.contains("test_note"))
                for (one, other) in [(old, new), (new, old), (old, new)] {
                    #expect(await one.call("GET", "/v1/auth/me", token: person.token).status == 200)
                    let signedIn = await one.call(
                        "POST", "/v1/auth/login",
                        json: ["email": .string(person.email), "password": .string(person.password)])
                    let token = try #require(signedIn["access_token"]?.string, "\(signedIn)")
                    #expect(await other.call("GET", "/v1/auth/profile", token: token).status == 200)
                    // An e-mail of one is sent by the other.
                    let guest = try await one.register("guest", isVerified: false)
                    #expect(try await other.mail(to: guest.email).count == 1)
                }
                // A process of the older version that ends does not come back.
                let problem = await #expect(throws: Problem.self) { try await withAnotherProcess(of: old) { _ in } }
                guard case .databaseIsNewer("test-001-later") = problem?.cause as? MigrationFault else {
                    return #expect(Bool(false), "\(String(describing: problem))")
                }
                #expect(await old.call("GET", "/v1/auth/me", token: person.token).status == 200)
                let faults = try await Invariants.faults(in: new.app.database)
                #expect(faults == [])
            }
        }
    }

    /// Runs `body` with a system of a later version on the database and in the data folder of `old`.
    private static func withNewer(_ old: TestApp, _ body: (TestApp) async throws -> Void) async throws {
        let (clock, log) = (old.clock, LogOutput(keepsLines: true))
        let runtime = Runtime(now: { clock.now }, randomBytes: Runtime.system.randomBytes)
        var dependencies = AppDependencies(runtime: runtime, clock: { clock.now }, logOutput: log)
        dependencies.laterMigrations = [later]
        let app = try await buildApp(old.app.configuration, in: dependencies)
        try await attempt {
            try await body(TestApp(app: app, clock: clock, engine: old.engine, log: log))
        } finally: {
            await app.close()
        }
    }
}
