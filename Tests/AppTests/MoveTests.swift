import App
import Base
import Foundation
import Modules
import Storage
import TestKit
import Testing

/// Moves of installations from SQLite to PostgreSQL.
@Suite(.enabled(if: Engine.available.contains(.postgres))) struct MoveTests {
    @Test func `an installation moves to PostgreSQL, and goes on there with its sessions and files`() async throws {
        try await withTestApp(.sqlite) { app in
            let sample = try await SampleInstallation(app)
            let answers = try await sample.answers()
            try await withDatabasePlace(.postgres) { place in
                let used = try await Self.move(app, to: place)
                #expect(used.status == 1 && used.errors.contains("is open in another process"), "\(used)")
                await app.app.close()
                let bytes = try Data(contentsOf: Self.file(of: app))
                let moved = try await Self.move(app, to: place)
                #expect(moved.status == 0, "\(moved)")
                #expect(moved.output.contains("counts and digests of every table agree"), "\(moved)")
                #expect(moved.output.contains("invariants hold") && moved.output.contains("Set DATABASE_URL="))
                #expect(moved.errors.contains("people: "), "\(moved)")
                #expect(try Data(contentsOf: Self.file(of: app)) == bytes)
                try await Self.withMoved(app, to: place) { other in
                    #expect(try await sample.answers(of: other) == answers)
                    let content = await other.call(
                        "GET", "/v1/files/read?path=folder/notes.txt", token: sample.owner.token)
                    #expect(content.text.contains("Notes"), "\(content)")
                    let renewed = await other.call(
                        "POST", "/v1/auth/refresh", json: ["refresh_token": .string(sample.owner.refreshToken)])
                    #expect(renewed.status == 200, "\(renewed)")
                    for command in [["verify"], ["audit", "verify"]] {
                        let checked = try await AuditCommandTests.run(command, on: other)
                        #expect(checked.status == 0, "\(checked)")
                    }
                }
                let again = try await Self.move(app, to: place)
                #expect(again.status == 1 && again.errors.contains("has tables, such as "), "\(again)")
            }
        }
    }

    @Test func `every table has the same rows and values afterwards`() async throws {
        try await withTestApp(.sqlite) { app in
            _ = try await SampleInstallation(app)
            try await Self.addUnusualRows(app.app.database)
            await app.app.close()
            try await withDatabasePlace(.postgres) { place in
                let outcome = try await Self.service(app, to: place).move { _ in }
                let source = TestDatabaseLocation(engine: .sqlite, address: Self.file(of: app).path())
                let target = try await Self.rows(of: place, tablesOf: place)
                #expect(try await Self.rows(of: source, tablesOf: place) == target)
                #expect(outcome.tables == target.count && outcome.rows == target.values.reduce(0) { $0 + $1.count })
                #expect(outcome.leftTables == ["_litestream_lock"])
                #expect(target.values.filter { !$0.isEmpty }.count > 40)
                // Foreign keys are checked after each statement again, not at the commit.
                let problem = await #expect(throws: Problem.self) {
                    try await Self.withOpen(place) { database in
                        try await database.write { transaction in
                            try transaction.execute("UPDATE ledger_postings SET corrects = 'none' WHERE id = 'p1599'")
                            throw Problem(.conflict)
                        }
                    }
                }
                let cause = problem?.cause as? StorageError
                #expect(cause?.kind == .reference, "\(String(describing: problem))")
            }
        }
    }

    @Test func `a value that PostgreSQL does not take ends the move, and the target stays empty`() async throws {
        try await withTestApp(.sqlite) { app in
            let person = try await app.register()
            try await Self.setText("'a' || char(0)", app.app.database)
            await app.app.close()
            try await withDatabasePlace(.postgres) { place in
                let service = Self.service(app, to: place)
                let fault = await #expect(throws: MoveFault.self) { _ = try await service.move { _ in } }
                #expect(
                    fault?.description.contains("the table jobs was refused, and nothing was moved") == true,
                    "\(String(describing: fault))")
                #expect(try await Self.rows(of: place, tablesOf: place).isEmpty)
                let source = TestDatabaseLocation(engine: .sqlite, address: Self.file(of: app).path())
                try await Self.withOpen(source) { try await Self.setText("'a'", $0) }
                _ = try await service.move { _ in }
                let people = try await Self.rows(of: place, tablesOf: place)["people"] ?? []
                #expect(people.contains { $0.contains(person.email) })
            }
        }
    }

    @Test func `what cannot be moved is refused with what to do`() async throws {
        try await withTestApp(.sqlite) { app in
            try await withDatabasePlace(.postgres) { place in
                let other = try await AuditCommandTests.run(["move", "--to", "sqlite:other.db"], on: app)
                #expect(other.status == 2 && other.errors.contains("--to: begins with postgresql://"), "\(other)")
                let reverse = try await AuditCommandTests.run(
                    ["move", "--database", place.address, "--to", place.address], on: app)
                #expect(reverse.status == 1 && reverse.errors.contains("is on PostgreSQL already"), "\(reverse)")
                let missing = try await AuditCommandTests.run(
                    ["move", "--database", "sqlite:missing.db", "--to", place.address], on: app)
                #expect(missing.status == 2 && missing.errors.contains("There is no database at"), "\(missing)")
                let unclear = try await AuditCommandTests.run(["move", "--to", "mysql://localhost"], on: app)
                #expect(unclear.status == 2, "\(unclear)")
                try await app.app.database.write {
                    try $0.execute(
                        "INSERT INTO schema_migrations (name, fingerprint, applied_at) VALUES ('later-001', 'a', 0)")
                }
                await app.app.close()
                let newer = try await Self.move(app, to: place)
                #expect(newer.status == 2 && newer.errors.contains("'later-001'"), "\(newer)")
                let source = TestDatabaseLocation(engine: .sqlite, address: Self.file(of: app).path())
                try await Self.withOpen(source) { database in
                    try await database.write {
                        try $0.execute(
                            "DELETE FROM schema_migrations WHERE name = 'later-001' OR name LIKE 'assistant%'")
                    }
                }
                let older = try await Self.move(app, to: place)
                #expect(older.status == 1 && older.errors.contains("gatehouse migrate"), "\(older)")
                #expect(try await Self.rows(of: place, tablesOf: place).isEmpty)
            }
        }
    }

    // MARK: Moves

    private static func file(of app: TestApp) -> URL {
        URL(filePath: String(app.app.configuration.databaseURL.dropFirst("sqlite:".count)))
    }

    private static func move(_ app: TestApp, to place: TestDatabaseLocation) async throws -> AuditCommandTests.Outcome {
        try await AuditCommandTests.run(["move", "--to", place.address], on: app)
    }

    private static func service(_ app: TestApp, to place: TestDatabaseLocation) -> MoveService {
        var target = app.app.configuration
        target.databaseURL = place.configurationURL
        return MoveService(app.app.configuration, to: target)
    }

    private static func withMoved(
        _ app: TestApp, to place: TestDatabaseLocation, _ body: (TestApp) async throws -> Void
    ) async throws {
        var configuration = app.app.configuration
        configuration.databaseURL = place.configurationURL
        let (clock, log) = (app.clock, LogOutput(keepsLines: true))
        let runtime = Runtime(now: { clock.now }, randomBytes: Runtime.system.randomBytes)
        let moved = try await buildApp(
            configuration, in: AppDependencies(runtime: runtime, clock: { clock.now }, logOutput: log))
        try await attempt {
            try await body(TestApp(app: moved, clock: clock, engine: .postgres, log: log))
        } finally: {
            await moved.close()
        }
    }

    // MARK: Rows

    /// Limits of numbers, characters that need quotes, NULL beside an empty text, rows that refer to later ones of their
    /// own table, more rows than one batch has, and a table that is not of gatehouse.
    private static func addUnusualRows(_ database: any Database) async throws {
        try await database.write { transaction in
            let texts = [
                "", "'\"\\{},NULL", "line\nbreak\ttab\r", "e\u{301} é \u{1F600}\u{202E}", "{\"a\": [1, null]}",
            ]
            for number in 0..<1_200 {
                let percent = [0, 0.1 + 0.2, 100, Double.leastNonzeroMagnitude, 99.999_999_999_999_99][number % 5]
                let time = [Int64.max, Int64.min, 0, -1, 1][number % 5]
                try transaction.execute(
                    """
                    INSERT INTO jobs (
                        id, kind, lane, payload, priority, state, run_at, maximum_attempts, percent, message, created_at,
                        finished_at
                    ) VALUES (
                        \("unusual-\(number)"), 'test', 'system', \(texts[number % 5]), \(-number), 'completed', \(time),
                        1, \(percent), \(number % 2 == 0 ? nil : ""), \(time), \(time))
                    """)
            }
            for number in (1_000..<1_600).reversed() {
                try transaction.execute(
                    """
                    INSERT INTO ledger_postings (
                        id, owner, unit, kind, operation_key, fingerprint, reason, corrects, occurred_at, recorded_at
                    ) VALUES (
                        \("p\(number)"), 'test', 'test', 'test', \("\(number)"), 'test', 'test',
                        \(number == 1_599 ? nil : "p\(number + 1)"), 0, 0)
                    """)
            }
            try transaction.execute("CREATE TABLE _litestream_lock (id INTEGER)")
        }
    }

    /// - Parameter expression: the text of every job's message.
    private static func setText(_ expression: StaticString, _ database: any Database) async throws {
        try await database.write { try $0.execute(SQL(trusted: "UPDATE jobs SET message = \(expression)")) }
    }

    /// The rows of each table of a PostgreSQL database, sorted.
    private static func rows(
        of location: TestDatabaseLocation, tablesOf place: TestDatabaseLocation
    ) async throws -> [String: [String]] {
        let tables = try await read(place) { transaction in
            try transaction.all(
                "SELECT table_name AS name FROM information_schema.tables WHERE table_schema = current_schema()"
            ) { try $0["name"] as String }
        }
        return try await read(location) { transaction in
            var rows: [String: [String]] = [:]
            for table in tables {
                rows[table] = try transaction.all(SQL(trusted: "SELECT * FROM \(table)")) { "\($0.values)" }.sorted()
            }
            return rows
        }
    }

    private static func read<Result: Sendable>(
        _ location: TestDatabaseLocation, _ body: @escaping @Sendable (Transaction) throws -> Result
    ) async throws -> Result {
        try await withOpen(location) { try await $0.read(body) }
    }

    @discardableResult
    private static func withOpen<Result>(
        _ location: TestDatabaseLocation, _ body: (any Database) async throws -> Result
    ) async throws -> Result {
        let database = try location.open()
        return try await attempt {
            try await body(database)
        } finally: {
            await database.close()
        }
    }
}
