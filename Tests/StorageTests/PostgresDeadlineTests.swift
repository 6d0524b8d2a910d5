import Base
import Storage
import StoragePostgres
import TestKit
import Testing

/// A PostgreSQL server that does not answer: the deadlines of this process.
@Suite(.enabled(if: Engine.available.contains(.postgres)), .timeLimit(.minutes(2))) struct PostgresDeadlineTests {
    /// A statement that the server's own timeout does not end, as on a server that is stopped.
    private static func hang(_ transaction: Transaction) throws {
        try transaction.execute("SET LOCAL statement_timeout = 0")
        try transaction.execute("SELECT pg_sleep(600)")
    }

    private func withShortTimeout(_ body: (any Database) async throws -> Void) async throws {
        try await withDatabasePlace(.postgres) { place in
            let database = try PostgresDatabase(
                url: place.address, poolSize: 2, overflow: 0, acquireTimeout: .seconds(10),
                statementTimeout: .milliseconds(200))
            try await createTables(in: database)
            try await body(database)
            await database.close()
        }
    }

    @Test func `a statement that the server does not end is cut, and not tried again`() async throws {
        try await withShortTimeout { database in
            let runs = Counter()
            for isWrite in [false, true] {
                let problem = await #expect(throws: Problem.self) {
                    if isWrite {
                        try await database.write { transaction in
                            _ = runs.next()
                            try transaction.execute("INSERT INTO things (id) VALUES ('a')")
                            try Self.hang(transaction)
                        }
                    } else {
                        try await database.read { transaction in
                            _ = runs.next()
                            try Self.hang(transaction)
                        }
                    }
                }
                #expect(problem?.kind == .overloaded)
                let cause = try #require(problem?.cause as? StorageError)
                #expect((cause.kind, cause.code) == (.connectionLost, "deadline"))
            }
            #expect(runs.count == 2)
            // The connection was replaced, and the write had no effect.
            #expect(try await count(database) == 0)
            try await database.write { try $0.execute("INSERT INTO things (id) VALUES ('b')") }
            #expect(try await count(database) == 1)
        }
    }

    @Test func `the server's own timeout comes first, and keeps the connection`() async throws {
        try await withShortTimeout { database in
            let problem = await #expect(throws: Problem.self) {
                _ = try await database.read { try $0.execute("SELECT pg_sleep(600)") }
            }
            #expect((problem?.cause as? StorageError)?.kind == .cancelled)
            #expect(database.gauges["postgres_reconnects_total"] == 0)
        }
    }

    @Test func `a migration has no deadline`() async throws {
        try await withShortTimeout { database in
            try await database.migrate { _ = try $0.execute("SELECT pg_sleep(3)") }
        }
    }

    @Test func `closing cuts a transaction that does not end`() async throws {
        try await withDatabasePlace(.postgres) { place in
            let database = try PostgresDatabase(
                url: place.address, poolSize: 1, overflow: 0, acquireTimeout: .seconds(10),
                statementTimeout: .seconds(600))
            let begun = Signal()
            let hanging = Task {
                try await database.write { transaction in
                    begun.send()
                    try Self.hang(transaction)
                }
            }
            await begun.received()
            await database.close()
            let problem = await #expect(throws: Problem.self) { _ = try await hanging.value }
            #expect((problem?.cause as? StorageError)?.kind == .connectionLost)
        }
    }

    @Test func `other processes that listen are counted`() async throws {
        try await withDatabasePlace(.postgres) { place in
            let one = try place.open(), other = try place.open()
            let isListening = Signal(), started = other.subscribe { _ in }
            let subscription = one.subscribe { if $0 == .missed { isListening.send() } }
            // The new listener listens; the other one begins at about the same time.
            await isListening.received()
            while try await one.otherProcesses() < 1 { await Task.yield() }
            #expect(try await one.otherProcesses() == 1)
            subscription.cancel()
            started.cancel()
            await one.close()
            await other.close()
        }
    }
}
