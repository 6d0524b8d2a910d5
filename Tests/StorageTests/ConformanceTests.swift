import Base
import Foundation
import Storage
import Synchronization
import TestKit
import Testing

/// The behaviour that both engines share.
@Suite struct ConformanceTests {
    @Test(arguments: Engine.available)
    func `integers are stored exactly`(engine: Engine) async throws {
        try await withTables(engine) { database in
            for value in [Int64.min, -1, 0, 1, 1 << 53, .max] {
                let back = try await roundTrip(value, column: "integer", in: database)
                #expect(back == .integer(value))
            }
        }
    }

    @Test(arguments: Engine.available)
    func `doubles are stored to the last bit`(engine: Engine) async throws {
        try await withTables(engine) { database in
            let values = [
                0.1, 1 / 3, .pi, 3, 1e15, 123_456_789.123_456_789, 1e308, -1e-308, -0.0, .leastNonzeroMagnitude,
                .greatestFiniteMagnitude, .infinity,
            ]
            for value in values {
                let back = try await roundTrip(value, column: "real", in: database)
                #expect(back == .real(value))
            }
        }
    }

    @Test(arguments: Engine.available)
    func `text is stored exactly`(engine: Engine) async throws {
        try await withTables(engine) { database in
            let values = [
                "", "it's \"quoted\"", "'; DROP TABLE things; --", "$1 ?1 \\ %s", "naïve 🧑‍🚀 日本", " \n\t ",
                String(repeating: "long 🦊", count: 50_000),
            ]
            for value in values {
                let back = try await roundTrip(value, column: "text", in: database)
                #expect(back == .text(value))
            }
        }
    }

    @Test(arguments: Engine.available)
    func `rows of values are a table with every value as it was bound`(engine: Engine) async throws {
        try await withTables(engine) { database in
            let texts: [String?] = [
                "", "it's \"quoted\"", "{a,b}", "NULL", nil, "\\ \u{1} \u{1f} \n\t\r", "naïve 🧑‍🚀 日本", "[1, 2]",
                "null",
            ]
            let numbers: [Int64?] = [0, -1, nil, .max, 1 << 53, -999, 7, 8, 9]
            let columns = SQL.Rows.Columns(("position", .integer), ("word", .text), ("number", .integer))
            for count in [0, 1, texts.count] {
                var rows = SQL.Rows(columns)
                for index in 0..<count {
                    rows.append([
                        .integer(Int64(index)), texts[index]?.sqlValue ?? .null, numbers[index]?.sqlValue ?? .null,
                    ])
                }
                let back = try await database.write { [rows] transaction in
                    try transaction.execute(
                        """
                        INSERT INTO things (id, text, integer)
                        SELECT 'row ' || position, word, number FROM \(rows: rows, as: "new") WHERE true
                        ON CONFLICT DO NOTHING
                        """)
                    return try transaction.all(
                        """
                        SELECT new.position, things.text, things.integer FROM \(rows: rows, as: "new")
                            CROSS JOIN things WHERE things.id = 'row ' || new.position ORDER BY new.position
                        """
                    ) { row in (try row["text"] as String?, try row["integer"] as Int64?) }
                }
                #expect(back.map(\.0) == Array(texts.prefix(count)) && back.map(\.1) == Array(numbers.prefix(count)))
            }
            let problem = await problem {
                try await database.write { transaction in
                    var rows = SQL.Rows(SQL.Rows.Columns(("word", .text)))
                    rows.append([.text("cut\0here")])
                    try transaction.execute("INSERT INTO things (id) SELECT word FROM \(rows: rows, as: "new")")
                }
            }
            #expect((problem?.cause as? StorageError)?.code == "unstorable")
        }
    }

    @Test(arguments: Engine.available)
    func `NULL is NULL in every column`(engine: Engine) async throws {
        try await withTables(engine) { database in
            for column in ["integer", "real", "text"] {
                let back = try await roundTrip(SQL.Value.null, column: column, in: database)
                #expect(back == .null)
            }
            let read = try await database.write { transaction -> String? in
                try transaction.execute("INSERT INTO things (id, text) VALUES ('n', \(nil as String?))")
                return try transaction.first("SELECT text FROM things WHERE id = 'n'")?["text"]
            }
            #expect(read == nil)
        }
    }

    @Test(arguments: Engine.available)
    func `a value that an engine would change is refused`(engine: Engine) async throws {
        try await withTables(engine) { database in
            for value in [SQL.Value.text("cut\0here"), .real(.nan)] {
                let problem = await problem {
                    try await database.write { try $0.execute("INSERT INTO things (id, text) VALUES ('x', \(value))") }
                }
                #expect((problem?.cause as? StorageError)?.code == "unstorable")
            }
            let remaining = try await count(database)
            #expect(remaining == 0)
        }
    }

    @Test(arguments: Engine.available)
    func `a value is never parsed as SQL`(engine: Engine) async throws {
        try await withTables(engine) { database in
            try await database.write { try $0.execute("INSERT INTO things (id) VALUES ('a'), ('b')") }
            for attack in ["' OR '1'='1", "a' --", "a'; DELETE FROM things; --", "\\' OR 1=1 --"] {
                let found = try await database.read {
                    try $0.count("SELECT COUNT(*) AS count FROM things WHERE id = \(attack)")
                }
                #expect(found == 0)
            }
            #expect(try await count(database) == 2)
        }
    }

    @Test(arguments: Engine.available)
    func `lists bind each value`(engine: Engine) async throws {
        try await withTables(engine) { database in
            try await database.write {
                try $0.execute("INSERT INTO things (id, integer) VALUES ('a', 1), ('b', 2), ('c', 3)")
            }
            let found = try await database.read { transaction in
                let ids = try transaction.all(
                    "SELECT id FROM things WHERE id IN \(list: ["a", "c", "') OR (1=1"]) ORDER BY id"
                ) { try $0["id"] as String }
                let none = try transaction.all("SELECT id FROM things WHERE id IN \(list: [String]())")
                let numbers = try transaction.all("SELECT id FROM things WHERE integer IN \(list: [2, 3])")
                return (ids, none.count, numbers.count)
            }
            #expect(found == (["a", "c"], 0, 2))
        }
    }

    @Test(arguments: Engine.available)
    func `statements return the number of changed rows`(engine: Engine) async throws {
        try await withTables(engine) { database in
            let changes = try await database.write { transaction in
                [
                    try transaction.execute("INSERT INTO things (id) VALUES ('a'), ('b'), ('c')"),
                    try transaction.execute("UPDATE things SET integer = 1 WHERE id <> 'a'"),
                    try transaction.execute("UPDATE things SET integer = 1 WHERE id = 'missing'"),
                    try transaction.execute("SELECT id FROM things"),
                    try transaction.execute("INSERT INTO things (id) VALUES ('a') ON CONFLICT DO NOTHING"),
                    try transaction.execute("DELETE FROM things"),
                ]
            }
            #expect(changes == [3, 2, 0, 0, 0, 3])
        }
    }

    @Test(arguments: Engine.available)
    func `RETURNING returns the rows`(engine: Engine) async throws {
        try await withTables(engine) { database in
            let rows = try await database.write { transaction in
                try transaction.all(
                    "INSERT INTO things (id, integer) VALUES ('a', 1), ('b', 2) RETURNING id, integer + 1 AS next"
                ) { row in
                    (id: try row["id"] as String, next: try row["next"] as Int64)
                }
            }
            #expect(rows.map(\.id) == ["a", "b"])
            #expect(rows.map(\.next) == [2, 3])
        }
    }

    @Test(arguments: Engine.available)
    func `sums, comparisons and averages have the same types`(engine: Engine) async throws {
        try await withTables(engine) { database in
            try await database.write {
                try $0.execute("INSERT INTO things (id, integer) VALUES ('a', 1), ('b', 2), ('c', 6)")
            }
            let row = try await database.read { transaction in
                try transaction.first(
                    """
                    SELECT SUM(integer) AS sum, AVG(integer) AS mean, COUNT(*) AS count,
                        MAX(integer) > 5 AS is_large, SUM(real) AS none
                    FROM things
                    """
                )
            }
            let read = try #require(row)
            #expect(try read["sum"] as Int64 == 9)
            #expect(try read["mean"] as Double == 3)
            #expect(try read["count"] as Int64 == 3)
            #expect(try read["is_large"] as Bool == true)
            #expect(try read["none"] as Double? == nil)
        }
    }

    @Test(arguments: Engine.available)
    func `the guarded upsert admits up to the limit and then returns no row`(engine: Engine) async throws {
        try await withTables(engine) { database in
            var used: [Int64?] = []
            for units in [4, 4, 4, 2, 1] {
                used.append(try await take(Int64(units), limit: 10, of: "runs", in: database))
            }
            #expect(used == [4, 8, nil, 10, nil])
            #expect(try await take(11, limit: 10, of: "fresh", in: database) == nil)
        }
    }

    @Test(arguments: Engine.available)
    func `64 concurrent callers share a limit of 10 exactly`(engine: Engine) async throws {
        try await withTables(engine) { database in
            let admitted = try await withThrowingTaskGroup(of: Bool.self) { group in
                for _ in 0..<64 { group.addTask { try await take(1, limit: 10, of: "runs", in: database) != nil } }
                return try await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
            }
            #expect(admitted == 10)
            #expect(try await take(0, limit: 10, of: "runs", in: database) == 10)
        }
    }

    @Test(arguments: Engine.available)
    func `a body that throws is rolled back, and its problem is thrown unchanged`(engine: Engine)
        async throws
    {
        try await withTables(engine) { database in
            let problem = await problem {
                try await database.write { transaction in
                    try transaction.execute("INSERT INTO things (id) VALUES ('a')")
                    throw Problem(.conflict, title: "Not now", members: ["hint": "later"], headers: ["X-A": "b"])
                }
            }
            #expect(problem?.kind == .conflict)
            #expect(problem?.title == "Not now")
            #expect(problem?.members == ["hint": "later"])
            #expect(problem?.headers == ["X-A": "b"])
            let remaining = try await count(database)
            #expect(remaining == 0)
            let reading = await self.problem { try await database.read { _ in throw Problem(.notFound) } }
            #expect(reading?.kind == .notFound)
            let other = await self.problem { try await database.write { _ in throw CocoaError(.fileNoSuchFile) } }
            #expect(other?.kind == .internalError)
            #expect(other?.cause is CocoaError)
        }
    }

    @Test(arguments: Engine.available)
    func `constraint errors have a kind`(engine: Engine) async throws {
        try await withTables(engine) { database in
            try await database.write { try $0.execute("INSERT INTO things (id, text) VALUES ('a', 'unique')") }
            let refused: [(SQL, StorageError.Kind)] = [
                ("INSERT INTO things (id) VALUES ('a')", .duplicate),
                ("INSERT INTO things (id, text) VALUES ('b', 'unique')", .duplicate),
                ("INSERT INTO parts (id, thing_id) VALUES ('p', 'missing')", .reference),
                ("INSERT INTO things (id, integer) VALUES ('c', -1000)", .check),
                ("INSERT INTO things (id) VALUES (NULL)", .check),
                ("INSERT INTO nowhere (id) VALUES (1)", .other),
            ]
            for (statement, kind) in refused {
                let problem = await problem { try await database.write { try $0.execute(statement) } }
                #expect((problem?.cause as? StorageError)?.kind == kind)
            }
            #expect(try await count(database) == 1)
        }
    }

    @Test(arguments: Engine.available)
    func `a body that catches the error of a failed statement does not commit`(engine: Engine) async throws {
        try await withTables(engine) { database in
            let problem = await problem {
                try await database.write { transaction in
                    try transaction.execute("INSERT INTO things (id) VALUES ('a')")
                    _ = try? transaction.execute("INSERT INTO things (id) VALUES ('a')")
                    _ = try? transaction.execute("INSERT INTO things (id) VALUES ('b')")
                }
            }
            #expect((problem?.cause as? StorageError)?.kind == .duplicate)
            let remaining = try await count(database)
            #expect(remaining == 0)
        }
    }

    @Test(arguments: Engine.available)
    func `a body may convert the error of a statement to a problem`(engine: Engine) async throws {
        try await withTables(engine) { database in
            try await database.write { try $0.execute("INSERT INTO things (id) VALUES ('a')") }
            let problem = await problem {
                try await database.write { transaction in
                    do {
                        try transaction.execute("INSERT INTO things (id) VALUES ('a')")
                    } catch let error as StorageError where error.kind == .duplicate {
                        throw Problem(.conflict)
                    }
                }
            }
            #expect(problem?.kind == .conflict)
        }
    }

    @Test(arguments: Engine.available)
    func `a read cannot write`(engine: Engine) async throws {
        try await withTables(engine) { database in
            let problem = await problem {
                try await database.read { try $0.execute("INSERT INTO things (id) VALUES ('a')") }
            }
            #expect(problem?.kind == .internalError)
            let remaining = try await count(database)
            #expect(remaining == 0)
        }
    }

    @Test(arguments: Engine.available)
    func `a read has one snapshot during concurrent writes`(engine: Engine) async throws {
        try await withTables(engine) { database in
            let started = Signal(), written = DispatchSemaphore(value: 0)
            async let counts = database.read { transaction in
                let before = try transaction.count("SELECT COUNT(*) AS count FROM things")
                started.send()
                #expect(written.wait(timeout: .now() + 10) == .success)
                return (before, try transaction.count("SELECT COUNT(*) AS count FROM things"))
            }
            await started.received()
            try await database.write { try $0.execute("INSERT INTO things (id) VALUES ('a')") }
            written.signal()
            #expect(try await counts == (0, 0))
            #expect(try await count(database) == 1)
        }
    }

    @Test(arguments: Engine.available)
    func `a failed write does not affect concurrent writes`(engine: Engine) async throws {
        try await withTables(engine) { database in
            let succeeded = await withTaskGroup(of: Bool.self) { group in
                for number in 0..<50 {
                    group.addTask {
                        (try? await database.write {
                            try $0.execute("INSERT INTO things (id) VALUES (\(String(number / 2)))")
                        }) != nil
                    }
                }
                return await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
            }
            #expect(succeeded == 25)
            let remaining = try await count(database)
            #expect(remaining == 25)
        }
    }

    @Test(arguments: Engine.available)
    func `an injected clock is the time of the transactions`(engine: Engine) async throws {
        try await withDatabase(engine, clock: { Instant(seconds: 86_400) }) { database in
            let times = [
                try await database.read { $0.now }, try await database.write { $0.now },
                try await database.migrate { $0.now },
            ]
            #expect(times == Array(repeating: Instant(seconds: 86_400), count: 3))
        }
        try await withDatabase(engine) { database in
            let apart = try await database.write { $0.now } - Runtime.system.now()
            #expect(abs(apart.inSeconds) < 60)
        }
    }

    @Test(arguments: Engine.available)
    func `written rows exist after the database is opened again`(engine: Engine) async throws {
        try await withDatabasePlace(engine) { place in
            let first = try place.open()
            try await createTables(in: first)
            try await first.write { try $0.execute("INSERT INTO things (id) VALUES ('kept')") }
            await first.close()
            let problem = await problem {
                try await first.write { try $0.execute("INSERT INTO things (id) VALUES ('late')") }
            }
            #expect(problem?.kind == .overloaded)
            let second = try place.open()
            #expect(try await count(second) == 1)
            await second.close()
        }
    }

    @Test(arguments: Engine.available)
    func `a write with any failing statement is rolled back`(engine: Engine) async throws {
        try await withTables(engine) { database in
            let failures = try await withEachStatementFailing(on: database) { database in
                try await database.write { transaction in
                    try transaction.execute("INSERT INTO things (id) VALUES ('whole')")
                    try transaction.execute("INSERT INTO parts (id, thing_id) VALUES ('left', 'whole')")
                    try transaction.execute("INSERT INTO parts (id, thing_id) VALUES ('right', 'whole')")
                }
            } check: { database in
                let things = try await count(database)
                let parts = try await database.read { try $0.count("SELECT COUNT(*) AS count FROM parts") }
                #expect(parts == things * 2)
            }
            #expect(failures == 3)
            #expect(try await count(database) == 1)
        }
    }

    @Test(arguments: Engine.available)
    func `a write that ignores its failure does not commit`(engine: Engine) async throws {
        try await withTables(engine) { database in
            let faulty = FaultyDatabase(database, failingAt: 2)
            let problem = await problem {
                try await faulty.write { transaction in
                    try transaction.execute("INSERT INTO things (id) VALUES ('a')")
                    _ = try? transaction.execute("INSERT INTO things (id) VALUES ('b')")
                }
            }
            #expect((problem?.cause as? StorageError)?.code == "fault")
            #expect(faulty.statementCount == 2)
            let remaining = try await count(database)
            #expect(remaining == 0)
        }
    }

    @Test(arguments: Engine.available)
    func `actions run once after the commit and before the write returns`(engine: Engine) async throws {
        try await withTables(engine) { database in
            let actions = Counter()
            try await database.write { transaction in
                transaction.afterCommit { actions.next() }
                transaction.afterCommit { actions.next() }
                try transaction.execute("INSERT INTO things (id) VALUES ('a')")
                #expect(actions.count == 0)
            }
            #expect(actions.count == 2)
            try await database.migrate { $0.afterCommit { actions.next() } }
            #expect(actions.count == 3)
        }
    }

    @Test(arguments: Engine.available)
    func `actions of rolled back transactions and of reads do not run`(engine: Engine) async throws {
        try await withTables(engine) { database in
            let actions = Counter()
            _ = await problem {
                try await database.write { transaction in
                    transaction.afterCommit { actions.next() }
                    throw Problem(.conflict)
                }
            }
            _ = await problem {
                try await database.write { transaction in
                    transaction.afterCommit { actions.next() }
                    _ = try? transaction.execute("INSERT INTO missing (id) VALUES ('a')")
                }
            }
            try await database.read { $0.afterCommit { actions.next() } }
            let faulty = FaultyDatabase(database, failingAt: 1)
            _ = await problem {
                try await faulty.write { transaction in
                    transaction.afterCommit { actions.next() }
                    try transaction.execute("INSERT INTO things (id) VALUES ('a')")
                }
            }
            #expect(actions.count == 0)
        }
    }

    private func problem<Result>(_ body: () async throws -> Result) async -> Problem? {
        do {
            _ = try await body()
            return nil
        } catch {
            return Problem.wrapping(error)
        }
    }

    private func roundTrip(_ value: some SQLBindable & Sendable, column: String, in database: any Database) async throws
        -> SQL.Value?
    {
        try await database.write { transaction in
            try transaction.execute("DELETE FROM free")
            try transaction.execute("INSERT INTO free (" + SQL(trusted: column) + ") VALUES (\(value))")
            let row = try transaction.first("SELECT " + SQL(trusted: column) + " AS value FROM free")
            return row?.values.first
        }
    }
}

/// Takes units of a quota by one guarded statement.
/// - Returns: the used units, or nil when the limit is reached.
private func take(_ units: Int64, limit: Int64, of meter: String, in database: any Database) async throws -> Int64? {
    try await database.write { transaction in
        try transaction.first(
            """
            INSERT INTO usage (organisation_id, meter, period_start, used)
            SELECT \("org"), \(meter), \(0), \(units) WHERE \(units) <= \(limit)
            ON CONFLICT (organisation_id, meter, period_start) DO UPDATE SET used = usage.used + excluded.used
            WHERE usage.used + excluded.used <= \(limit) RETURNING used
            """
        )?["used"]
    }
}
