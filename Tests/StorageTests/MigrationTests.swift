import Base
import Storage
import TestKit
import Testing

@Suite struct MigrationTests {
    private let first = Migration("test-001-notes", "CREATE TABLE notes (id TEXT PRIMARY KEY NOT NULL) \(.strict)")
    private let second = Migration(
        "test-002-more", "CREATE TABLE more (id TEXT PRIMARY KEY NOT NULL) \(.strict)",
        "INSERT INTO more (id) VALUES ('seed')")

    @Test(arguments: Engine.available)
    func `each migration is applied once, in order`(engine: Engine) async throws {
        try await withDatabase(engine) { database in
            var applied: [[String]] = []
            for migrations in [[first], [first, second], [first, second]] {
                applied.append(try await Migrator(migrations).run(on: database))
            }
            #expect(applied == [["test-001-notes"], ["test-002-more"], []])
            #expect(try await database.read { try $0.count("SELECT COUNT(*) AS count FROM more") } == 1)
        }
    }

    @Test(arguments: Engine.available)
    func `a dry run returns the missing migrations and applies none`(engine: Engine) async throws {
        try await withDatabase(engine) { database in
            let missing = try await Migrator([first, second]).run(on: database, dryRun: true)
            let applied = try await Migrator([first, second]).run(on: database)
            #expect(missing == ["test-001-notes", "test-002-more"])
            #expect(applied == missing)
        }
    }

    @Test(arguments: Engine.available)
    func `processes that migrate at the same time apply each migration once`(engine: Engine) async throws {
        try await withDatabasePlace(engine) { place in
            let applied = try await withThrowingTaskGroup(of: [String].self) { group in
                for _ in 0..<4 {
                    group.addTask {
                        let database = try place.open()
                        async let one = Migrator([first, second]).run(on: database)
                        async let other = Migrator([first, second]).run(on: database)
                        let applied = try await one + other
                        await database.close()
                        return applied
                    }
                }
                return try await group.reduce(into: []) { $0 += $1 }
            }
            #expect(applied == ["test-001-notes", "test-002-more"])
        }
    }

    @Test(arguments: Engine.available)
    func `an edited migration is refused`(engine: Engine) async throws {
        try await withDatabase(engine) { database in
            try await Migrator([first]).run(on: database)
            let edited = Migration(
                "test-001-notes", "CREATE TABLE notes (id TEXT PRIMARY KEY NOT NULL, extra TEXT) \(.strict)")
            let problem = await #expect(throws: Problem.self) {
                try await Migrator([edited, second]).run(on: database)
            }
            guard case .edited("test-001-notes") = problem?.cause as? MigrationFault else {
                return #expect(Bool(false), "\(String(describing: problem))")
            }
            #expect(try await Migrator([first]).run(on: database, dryRun: true) == [])
        }
    }

    @Test(arguments: Engine.available)
    func `a database newer than the binary is refused`(engine: Engine) async throws {
        try await withDatabase(engine) { database in
            try await Migrator([first, second]).run(on: database)
            let problem = await #expect(throws: Problem.self) { try await Migrator([first]).run(on: database) }
            guard case .databaseIsNewer("test-002-more") = problem?.cause as? MigrationFault else {
                return #expect(Bool(false), "\(String(describing: problem))")
            }
        }
    }

    @Test(arguments: Engine.available)
    func `a failing migration rolls back the ones before it`(engine: Engine) async throws {
        try await withDatabase(engine) { database in
            let broken = Migration("test-002-broken", "CREATE TABLE nonsense (id NO SUCH TYPE AT ALL (")
            await #expect(throws: Problem.self) { try await Migrator([first, broken]).run(on: database) }
            let missing = try await Migrator([first]).run(on: database, dryRun: true)
            #expect(missing == ["test-001-notes"])
        }
    }
}
