import Base
import Foundation
import Storage
import StorageSQLite
import TestKit
import Testing

/// The behaviour of SQLite alone: group commit, and the file.
@Suite struct SQLiteTests {
    @Test func `the writer has synchronous = FULL, WAL, foreign keys and no temporary files`() async throws {
        try await withDatabase(.sqlite) { database in
            let settings = try await database.write { transaction in
                try ["PRAGMA synchronous", "PRAGMA journal_mode", "PRAGMA foreign_keys", "PRAGMA temp_store"].map {
                    try transaction.first($0)?.values.first
                }
            }
            #expect(settings == [.integer(2), .text("wal"), .integer(1), .integer(2)])
        }
    }

    @Test func `writes that wait share a commit`() async throws {
        try await withTables(.sqlite) { database in
            try await write(200, to: database)
            let gauges = database.gauges
            #expect(try #require(gauges["sqlite_commit_writes_total"]) == 200)
            // They were queued while the writer was held: one commit, or a few on a slow machine.
            #expect(try #require(gauges["sqlite_commit_groups_total"]) <= 20)
            #expect(try await count(database) == 200)
        }
    }

    @Test func `the first members of a group can fail without the others`() async throws {
        try await withTables(.sqlite) { database in
            let succeeded = try await inOneGroup(database, count: 20) { number, transaction in
                try transaction.execute("INSERT INTO things (id) VALUES (\(String(number)))")
                if number < 2 || number == 7 { throw Problem(.conflict) }
            }
            #expect(succeeded == 17)
            #expect(try await count(database) == 17)
        }
    }

    @Test func `a failed member of a group runs no actions, and the others run theirs`() async throws {
        try await withTables(.sqlite) { database in
            let actions = Counter()
            let succeeded = try await inOneGroup(database, count: 20) { number, transaction in
                transaction.afterCommit { actions.next() }
                try transaction.execute("INSERT INTO things (id) VALUES (\(String(number / 2)))")
            }
            #expect(succeeded == 10)
            #expect(actions.count == 10)
        }
    }

    @Test func `writes beyond the queue's bound are refused at once, and the others complete`() async throws {
        try await withTables(.sqlite) { database in
            let accepted = try await write(4_096 + 100, to: database)
            #expect(accepted == 4_096)
            #expect(try await count(database) == 4_096)
            #expect(database.gauges["sqlite_writes_waiting"] == 0)
        }
    }

    @Test func `a refused write has the status 503 and Retry-After`() async throws {
        try await withDatabasePlace(.sqlite) { place in
            let database = try place.open()
            await database.close()
            let problem = await #expect(throws: Problem.self) { try await database.write { _ in } }
            #expect(problem?.kind.status == 503)
            #expect(problem?.headers["Retry-After"] == "2")
        }
    }

    @Test func `a commit that fails fails every write of its group`() async throws {
        try await withDatabase(.sqlite) { database in
            try await database.migrate { transaction in
                try transaction.execute("CREATE TABLE a (id INTEGER PRIMARY KEY) STRICT")
                // Checked at COMMIT only.
                try transaction.execute(
                    "CREATE TABLE b (a_id INTEGER REFERENCES a (id) DEFERRABLE INITIALLY DEFERRED) STRICT")
            }
            // On a slow machine the queue may form several groups: repeated until the failing one has other members.
            for attempt in 1...50 {
                let actions = Counter()
                let succeeded = try await inOneGroup(database, count: 20) { number, transaction in
                    transaction.afterCommit { actions.next() }
                    if number == 7 { try transaction.execute("INSERT INTO b (a_id) VALUES (-1)") }
                    try transaction.execute("INSERT INTO a (id) VALUES (\(attempt * 100 + number))")
                }
                let present = try await database.read {
                    try $0.count("SELECT COUNT(*) AS count FROM a WHERE id / 100 = \(attempt)")
                }
                #expect(present == Int64(succeeded))
                #expect(actions.count == succeeded)
                #expect(succeeded < 20)
                if succeeded < 19 { break }
                #expect(attempt < 50)
            }
            try await database.write { try $0.execute("INSERT INTO a (id) VALUES (1)") }
        }
    }

    @Test func `a full disk fails the writes that it rolls back`() async throws {
        try await withTables(.sqlite) { database in
            let pages = try await database.write { try $0.first("PRAGMA page_count")?.values }
            guard case .integer(let used) = pages?.first else { return #expect(Bool(false), "no page count") }
            try await database.write { try $0.execute("PRAGMA max_page_count = " + SQL(trusted: String(used + 4))) }
            let large = String(repeating: "x", count: 200_000)
            let succeeded = try await inOneGroup(database, count: 10) { number, transaction in
                try transaction.execute(
                    "INSERT INTO things (id, text) VALUES (\(String(number)), \(number == 5 ? large : nil))")
            } failure: { problem in
                #expect((problem.cause as? StorageError)?.kind == .full)
                #expect(problem.kind == .overloaded)
            }
            // SQLite rolls back one statement or the whole transaction; the reported successes match the rows.
            #expect(try await count(database) == Int64(succeeded))
            #expect(succeeded < 10)
            try await database.write { try $0.execute("INSERT INTO things (id) VALUES ('later')") }
        }
    }

    @Test func `two processes may write to the same file`() async throws {
        try await withDatabasePlace(.sqlite) { place in
            let one = try place.open(), other = try place.open()
            try await createTables(in: one)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<200 {
                    let database = number % 2 == 0 ? one : other
                    group.addTask {
                        _ = try await database.write {
                            try $0.execute("INSERT INTO things (id) VALUES (\(String(number)))")
                        }
                    }
                }
                try await group.waitForAll()
            }
            #expect(try await count(one) == 200)
            #expect(try await count(other) == 200)
            await one.close()
            await other.close()
        }
    }

    @Test func `a statement prepared before another process changed its table has the new columns`() async throws {
        try await withDatabasePlace(.sqlite) { place in
            let one = try place.open(), other = try place.open()
            try await createTables(in: one)
            try await one.write { try $0.execute("INSERT INTO things (id) VALUES ('a')") }
            @Sendable func names(_ transaction: Transaction) throws -> [String] {
                try transaction.first("SELECT * FROM things")?.columns.names ?? []
            }
            // On the connections of a write and of a read.
            for _ in 0..<2 {
                #expect(try await one.write(names) == ["id", "integer", "real", "text"])
                #expect(try await one.read(names) == ["id", "integer", "real", "text"])
            }
            try await other.migrate { try $0.execute("ALTER TABLE things ADD COLUMN extra TEXT") }
            #expect(try await one.write(names) == ["id", "integer", "real", "text", "extra"])
            #expect(try await one.read(names) == ["id", "integer", "real", "text", "extra"])
            await one.close()
            await other.close()
        }
    }

    @Test func `the file has mode 600, and its folder is created`() async throws {
        try await withDatabasePlace(.sqlite) { place in
            let path = URL(fileURLWithPath: place.address).deletingLastPathComponent().appendingPathComponent(
                "deep/er/gatehouse.db"
            ).path
            let database = try SQLiteDatabase(path: path, readers: 1, clock: Runtime.system.now)
            try await createTables(in: database)
            for file in [path, path + "-wal"] {
                #expect(try FileManager.default.attributesOfItem(atPath: file)[.posixPermissions] as? Int == 0o600)
            }
            await database.close()
        }
    }

    @Test func `a clean stop leaves the WAL empty`() async throws {
        try await withDatabasePlace(.sqlite) { place in
            let database = try place.open()
            try await createTables(in: database)
            _ = try await count(database)
            await database.close()
            let size = try? FileManager.default.attributesOfItem(atPath: place.address + "-wal")[.size] as? Int
            #expect((size ?? 0) == 0)
        }
    }

    @Test func `after an unclean stop a damaged file is refused`() async throws {
        try await withDatabasePlace(.sqlite) { place in
            let database = try place.open()
            try await createTables(in: database)
            try await database.write { transaction in
                for number in 0..<2_000 {
                    try transaction.execute(
                        "INSERT INTO things (id, text) VALUES (\(String(number)), \("text \(number)"))")
                }
            }
            await database.close()
            let file = try FileHandle(forWritingTo: URL(fileURLWithPath: place.address))
            try file.seek(toOffset: 3 * 4_096)
            try file.write(contentsOf: Data(repeating: 0xA5, count: 6 * 4_096))
            try file.close()
            // A WAL that is not empty, as after SIGKILL.
            try Data(repeating: 0, count: 64).write(to: URL(fileURLWithPath: place.address + "-wal"))
            let error = #expect(throws: UnusableDatabase.self) { try place.open() }
            #expect(error?.description.contains("damaged") == true || error?.description.contains("malformed") == true)
        }
    }

    @Test func `a file that is not a database is refused`() async throws {
        try await withDatabasePlace(.sqlite) { place in
            let url = URL(fileURLWithPath: place.address)
            try FileManager.default.createDirectory(
                at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
            try Data(
                "This text is not a database, and it is longer than the header of a database file.".utf8
                    + Data(count: 4_096)
            ).write(to: url)
            let error = #expect(throws: UnusableDatabase.self) { try place.open() }
            #expect(error?.description.contains("file is not a database") == true)
        }
    }

    @Test func `more statement texts than the cache holds still run`() async throws {
        try await withTables(.sqlite) { database in
            try await database.write { try $0.execute("INSERT INTO things (id, integer) VALUES ('a', 1)") }
            for round in 0..<3 {
                let sum = try await database.read { transaction in
                    try (0..<1_500).reduce(into: Int64(0)) { sum, number in
                        sum +=
                            try transaction.first(SQL(trusted: "SELECT integer AS c\(round)_\(number) FROM things"))?[
                                "c\(round)_\(number)"] ?? 0
                    }
                }
                #expect(sum == 1_500)
            }
        }
    }

    /// Submits `count` writes while the writer is held, so that they share the queue.
    /// - Returns: the number of successful writes.
    @discardableResult
    private func write(_ count: Int, to database: any Database) async throws -> Int {
        try await inOneGroup(database, count: count) { number, transaction in
            try transaction.execute("INSERT INTO things (id) VALUES (\(String(number)))")
        } failure: { problem in
            #expect(problem.kind == .overloaded)
        }
    }

    private func inOneGroup(
        _ database: any Database, count: Int, _ body: @escaping @Sendable (Int, Transaction) throws -> Void,
        failure: @escaping @Sendable (Problem) -> Void = { _ in }
    ) async throws -> Int {
        let held = Signal(), release = DispatchSemaphore(value: 0)
        async let holder: Void = database.migrate { _ in
            held.send()
            release.wait()
        }
        await held.received()
        let accepted = Counter()
        await withTaskGroup(of: Void.self) { group in
            for number in 0..<count {
                group.addTask {
                    do throws(Problem) {
                        try await database.write { try body(number, $0) }
                        accepted.next()
                    } catch {
                        failure(error)
                    }
                }
            }
            group.addTask {
                // All are either queued or refused.
                let queued = Double(min(count, 4_096))
                while (database.gauges["sqlite_writes_waiting"] ?? 0) < queued {
                    try? await Task.sleep(for: .milliseconds(2))
                }
                try? await Task.sleep(for: .milliseconds(50))
                release.signal()
            }
        }
        try await holder
        return accepted.count
    }
}
