import Base
import Foundation
import Storage
import StorageSQLite
import TestKit
import Testing

/// The file below a running SQLite database, and reads that keep its WAL.
@Suite struct SQLiteFileTests {
    enum Accident: CaseIterable { case removed, renamed, replaced, replacedByLink, logRemoved, indexRemoved }

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
            case .replacedByLink:
                try files.moveItem(atPath: place.address, toPath: place.address + ".old")
                try files.createSymbolicLink(
                    atPath: place.address, withDestinationPath: place.address + ".old")
            case .logRemoved: try files.removeItem(atPath: place.address + "-wal")
            case .indexRemoved: try files.removeItem(atPath: place.address + "-shm")
            }
            try await expectRefusal(
                database, place.address, accident == .indexRemoved ? "the index is made anew" : "put the file back")
        }
    }

    @Test(arguments: ["-wal", "-shm"])
    func `behind a symbolic link, the WAL and its index are those beside the file`(_ name: String) async throws {
        try await withDatabasePlace(.sqlite) { place in
            let files = FileManager.default
            let folder = URL(filePath: place.address).deletingLastPathComponent()
            let disk = folder.appending(path: "disk")
            try files.createDirectory(at: disk, withIntermediateDirectories: true)
            let file = disk.appending(path: "real.db").path()
            _ = files.createFile(atPath: file, contents: nil)
            try files.createSymbolicLink(atPath: place.address, withDestinationPath: file)
            let database = try place.open()
            try await createTables(in: database)
            try await database.write { try $0.execute("INSERT INTO things (id) VALUES ('before')") }
            #expect(try #require(database.gauges["sqlite_wal_bytes"]) > 0)
            try database.checkFile()
            try files.removeItem(atPath: file + name)
            try await expectRefusal(database, "real.db" + name, "Nothing is written any more")
        }
    }

    /// Expects that the database refuses writes, also repeated ones, and closes it.
    private func expectRefusal(_ database: any Database, _ path: String, _ remedy: String) async throws {
        for _ in 0..<2 {
            let problem = await #expect(throws: Problem.self) {
                try await database.write { try $0.execute("INSERT INTO things (id) VALUES ('after')") }
            }
            #expect(problem?.kind == .overloaded)
            let cause = try #require(problem?.cause as? StorageError)
            #expect(cause.kind == .fileReplaced)
            #expect(cause.message.contains(path) && cause.message.contains(remedy), "\(cause)")
        }
        #expect(throws: Problem.self) { try database.checkFile() }
        await #expect(throws: Problem.self) { try await database.migrate { _ in } }
        await database.close()
    }

    @Test(arguments: ["-wal", "-shm"])
    func `a file that is open without its WAL or index is not opened again`(_ name: String) async throws {
        try await withDatabasePlace(.sqlite) { place in
            let database = try place.open()
            try await createTables(in: database)
            try FileManager.default.removeItem(atPath: place.address + name)
            let refusal = #expect(throws: UnusableDatabase.self) { try place.open() }
            #expect(refusal?.description.contains("is open in another process") == true)
            #expect(!FileManager.default.fileExists(atPath: place.address + name))
            await database.close()
        }
    }

    @Test func `without its index a WAL is read by the next opening`() async throws {
        try await withDatabasePlace(.sqlite) { place in
            let database = try place.open()
            try await createTables(in: database)
            try await database.write { try $0.execute("INSERT INTO things (id) VALUES ('a')") }
            let files = FileManager.default
            // The copy is that of a stopped machine: nothing has the file open.
            let copy = TestDatabaseLocation(engine: .sqlite, address: place.address + ".copy")
            for name in ["", "-wal"] { try files.copyItem(atPath: place.address + name, toPath: copy.address + name) }
            let other = try copy.open()
            #expect(try await count(other) == 1)
            await other.close()
            await database.close()
        }
    }

    @Test func `a damaged file is reported by its check, and refused by the next opening`() async throws {
        try await withDatabasePlace(.sqlite) { place in
            let first = try place.open()
            try await createTables(in: first)
            try await first.write { transaction in
                for number in 0..<2_000 {
                    try transaction.execute(
                        "INSERT INTO things (id, text) VALUES (\(String(number)), \("text \(number)"))")
                }
            }
            await first.close()
            let database = try place.open()
            try database.checkFile()
            let file = try FileHandle(forWritingTo: URL(filePath: place.address))
            let size = Int(try file.seekToEnd())
            // The first page has the schema.
            try file.seek(toOffset: 4_096)
            try file.write(contentsOf: Data(repeating: 0xA5, count: size - 4_096))
            try file.close()
            let problem = await #expect(throws: Problem.self) {
                try await database.read { try $0.all("SELECT id FROM things ORDER BY text") { _ in } }
            }
            #expect(problem?.kind == .overloaded)
            #expect((problem?.cause as? StorageError)?.kind == .damaged)
            let fault = #expect(throws: Problem.self) { try database.checkFile() }
            #expect((fault?.cause as? StorageError)?.message.contains("restore it from a backup") == true)
            await database.close()
            #expect(throws: UnusableDatabase.self) { try place.open() }
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
