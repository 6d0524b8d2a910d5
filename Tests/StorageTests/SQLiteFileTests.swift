import Base
import Foundation
import Storage
import StorageSQLite
import TestKit
import Testing

/// The file below a running SQLite database, and reads that keep its WAL.
@Suite struct SQLiteFileTests {
    enum Accident: CaseIterable { case removed, renamed, replaced, logRemoved }

    @Test(arguments: Accident.allCases)
    func `no write is acknowledged after the file was removed, renamed or replaced`(_ accident: Accident) async throws {
        try await withDatabasePlace(.sqlite) { place in
            let database = try place.open()
            try await createTables(in: database)
            try await database.write { try $0.execute("INSERT INTO things (id) VALUES ('before')") }
            try database.checkFile()
            let files = FileManager.default
            switch accident {
            case .removed: try files.removeItem(atPath: place.address)
            case .renamed: try files.moveItem(atPath: place.address, toPath: place.address + ".old")
            case .replaced:
                try files.moveItem(atPath: place.address, toPath: place.address + ".old")
                try files.copyItem(atPath: place.address + ".old", toPath: place.address)
            case .logRemoved: try files.removeItem(atPath: place.address + "-wal")
            }
            for _ in 0..<2 {
                let problem = await #expect(throws: Problem.self) {
                    try await database.write { try $0.execute("INSERT INTO things (id) VALUES ('after')") }
                }
                #expect(problem?.kind == .overloaded)
                let cause = try #require(problem?.cause as? StorageError)
                #expect(cause.kind == .fileReplaced)
                #expect(cause.message.contains(place.address) && cause.message.contains("put the file back"))
            }
            #expect(throws: Problem.self) { try database.checkFile() }
            await #expect(throws: Problem.self) { try await database.migrate { _ in } }
            await database.close()
        }
    }

    @Test func `a file that is replaced during a group's commit fails its writes with an unknown outcome`() async throws
    {
        try await withDatabasePlace(.sqlite) { place in
            let database = try place.open()
            try await createTables(in: database)
            let actions = Counter()
            let problem = await #expect(throws: Problem.self) {
                try await database.write { transaction in
                    transaction.afterCommit { actions.next() }
                    try transaction.execute("INSERT INTO things (id) VALUES ('a')")
                    try FileManager.default.moveItem(atPath: place.address, toPath: place.address + ".old")
                }
            }
            #expect((problem?.cause as? StorageError)?.kind == .outcomeUnknown)
            #expect(actions.count == 0)
            await database.close()
        }
    }

    @Test func `a read is ended after its time, also one statement of it`() async throws {
        try await withTables(.sqlite) { database in
            let endless: SQL = """
                WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers)
                SELECT COUNT(*) AS count FROM numbers
                """
            let statement = await #expect(throws: Problem.self) {
                try await database.read(within: .milliseconds(20)) { _ = try $0.count(endless) }
            }
            #expect((statement?.cause as? StorageError)?.code == "read-time")
            let loop = await #expect(throws: Problem.self) {
                try await database.read(within: .milliseconds(20)) { transaction in
                    for _ in 0..<Int.max { _ = try transaction.count("SELECT COUNT(*) AS count FROM things") }
                }
            }
            #expect(loop?.kind == .overloaded)
            let rows = try await count(database)
            #expect(rows == 0)
        }
    }

    @Test func `the WAL is copied to the file while writes go on, and is started anew`() async throws {
        try await withDatabasePlace(.sqlite) { place in
            let database = try SQLiteDatabase(
                path: place.address, readers: 1, clock: Runtime.system.now, framesPerCheckpoint: 50)
            try await createTables(in: database)
            let text = String(repeating: "long ", count: 1_000)
            for number in 0..<1_000 {
                try await database.write {
                    try $0.execute("INSERT INTO things (id, text) VALUES (\("\(number)"), \("\(number) " + text))")
                }
            }
            // Every write adds at least 4 pages of 4 KiB.
            #expect(try #require(database.gauges["sqlite_checkpoints_total"]) > 0)
            #expect(try #require(database.gauges["sqlite_wal_bytes"]) < 8_388_608)
            #expect(try await count(database) == 1_000)
            await database.close()
            let again = try place.open()
            #expect(try await count(again) == 1_000)
            await again.close()
        }
    }

    @Test func `the length of the WAL is a gauge`() async throws {
        try await withTables(.sqlite) { database in
            try await database.write { try $0.execute("INSERT INTO things (id) VALUES ('a')") }
            #expect(try #require(database.gauges["sqlite_wal_bytes"]) > 0)
            try await database.scrub()
            #expect(database.gauges["sqlite_wal_bytes"] == 0)
        }
    }
}
