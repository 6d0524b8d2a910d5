import Base
import Foundation
import Storage
import StoragePostgres
import TestKit
import Testing

/// The behaviour of PostgreSQL alone: connections that break, conflicts, and the pool.
@Suite(.enabled(if: Engine.available.contains(.postgres)), .serialized) struct PostgresTests {
    @Test func `a write whose connection is terminated is retried and applied once`() async throws {
        try await withPostgres { database, other in
            let runs = Counter(), ready = Signal(), killed = DispatchSemaphore(value: 0)
            async let write: Void = database.write { transaction in
                try transaction.execute("INSERT INTO things (id) VALUES ('a')")
                guard runs.next() == 1 else { return }
                ready.send(try transaction.first("SELECT pg_backend_pid() AS pid")?["pid"] ?? 0)
                #expect(killed.wait(timeout: .now() + 10) == .success)
                try transaction.execute("INSERT INTO things (id) VALUES ('b')")
            }
            let backendPID = try #require(await ready.received())
            try await other.write { try $0.execute("SELECT pg_terminate_backend(\(Int(backendPID))::int)") }
            killed.signal()
            try await write
            #expect(runs.count == 2)
            #expect(try await count(database) == 1)
            #expect(database.gauges["postgres_retries_total"] == 1)
            #expect(database.gauges["postgres_reconnects_total"] ?? 0 >= 1)
        }
    }

    @Test func `a write whose COMMIT is not received is retried and applied once`() async throws {
        let faults = Counter(), runs = Counter(), actions = Counter()
        try await withPostgres(commitFault: { faults.next() == 2 ? .beforeCommit : nil }) { database, _ in
            try await database.write { transaction in
                runs.next()
                transaction.afterCommit { actions.next() }
                try transaction.execute("INSERT INTO things (id) VALUES ('a')")
            }
            #expect(runs.count == 2)
            #expect(actions.count == 1)
            #expect(try await count(database) == 1)
        }
    }

    @Test func `a write whose COMMIT response is lost is applied once`() async throws {
        let faults = Counter(), runs = Counter(), actions = Counter()
        try await withPostgres(commitFault: { faults.next() == 2 ? .afterCommit : nil }) { database, _ in
            let result = try await database.write { transaction in
                runs.next()
                transaction.afterCommit { actions.next() }
                try transaction.execute("INSERT INTO things (id) VALUES ('a')")
                return "the body's result"
            }
            #expect(result == "the body's result")
            #expect(actions.count == 1)
            #expect(runs.count == 1)
            #expect(try await count(database) == 1)
        }
    }

    @Test func `after a crash of the server the status "committed" is an unknown outcome`()
        async throws
    {
        let faults = Counter(), runs = Counter()
        try await withPostgres(commitFault: { faults.next() == 2 ? .afterCommit : nil }) { database, _ in
            let problem = await #expect(throws: Problem.self) {
                try await database.write { transaction in
                    runs.next()
                    try transaction.execute("INSERT INTO things (id) VALUES ('a')")
                    // A crash resets this value too, which identifies the server's incarnation.
                    try transaction.execute("SELECT pg_stat_reset_shared('bgwriter')::text")
                }
            }
            #expect(runs.count == 1)
            #expect((problem?.cause as? StorageError)?.kind == .outcomeUnknown)
            #expect(problem?.kind == .overloaded)
        }
    }

    @Test func `the outcome is determined also after the caller's cancellation`() async throws {
        let faults = Counter()
        let started = Signal(), cancelled = DispatchSemaphore(value: 0)
        try await withPostgres(commitFault: { faults.next() == 2 ? .afterCommit : nil }) { database, _ in
            let write = Task {
                try await database.write { transaction in
                    started.send()
                    cancelled.wait()
                    return try transaction.execute("INSERT INTO things (id) VALUES ('a')")
                }
            }
            await started.received()
            write.cancel()
            cancelled.signal()
            let changed = try await write.value
            #expect(changed == 1)
            #expect(try await count(database) == 1)
        }
    }

    @Test func `two writes in a deadlock both succeed`() async throws {
        try await withPostgres { database, _ in
            try await database.write { try $0.execute("INSERT INTO things (id, integer) VALUES ('a', 0), ('b', 0)") }
            let runs = Counter(), firstHasLock = DispatchSemaphore(value: 0),
                secondHasLock = DispatchSemaphore(value: 0)
            async let one: Void = database.write { transaction in
                let isFirstRun = runs.next() <= 2
                try transaction.execute("UPDATE things SET integer = integer + 1 WHERE id = 'a'")
                if isFirstRun {
                    firstHasLock.signal()
                    _ = secondHasLock.wait(timeout: .now() + 5)
                }
                try transaction.execute("UPDATE things SET integer = integer + 1 WHERE id = 'b'")
            }
            async let other: Void = database.write { transaction in
                let isFirstRun = runs.next() <= 2
                try transaction.execute("UPDATE things SET integer = integer + 1 WHERE id = 'b'")
                if isFirstRun {
                    secondHasLock.signal()
                    _ = firstHasLock.wait(timeout: .now() + 5)
                }
                try transaction.execute("UPDATE things SET integer = integer + 1 WHERE id = 'a'")
            }
            _ = try await (one, other)
            #expect(runs.count == 3)
            #expect(
                try await database.read { try $0.all("SELECT integer FROM things") { try $0["integer"] as Int64 } } == [
                    2, 2,
                ])
        }
    }

    @Test func `the error of the eighth conflict is thrown`() async throws {
        try await withPostgres { database, _ in
            let runs = Counter()
            let problem = await #expect(throws: Problem.self) {
                try await database.write { transaction in
                    runs.next()
                    try transaction.execute("DO $$ BEGIN RAISE EXCEPTION 'again' USING ERRCODE = '40001'; END $$")
                }
            }
            #expect(runs.count == 8)
            #expect((problem?.cause as? StorageError)?.kind == .serialization)
            #expect(problem?.kind == .overloaded)
        }
    }

    @Test func `a caller without a free connection fails in time, and a cancelled one leaves the queue`() async throws {
        try await withPostgres(poolSize: 1, overflow: 0, acquireTimeout: .seconds(1)) { database, _ in
            let held = Signal(), release = DispatchSemaphore(value: 0)
            async let holder: Void = database.write { _ in
                held.send()
                release.wait()
            }
            await held.received()
            let cancelled = Task { try await database.write { _ in } }
            #expect(try await eventually { database.gauges["postgres_waiting"] == 1 })
            cancelled.cancel()
            let cancellation = await #expect(throws: Problem.self) { try await cancelled.value }
            #expect((cancellation?.cause as? StorageError)?.kind == .cancelled)
            #expect(database.gauges["postgres_waiting"] == 0)
            let problem = await #expect(throws: Problem.self) { try await database.write { _ in } }
            #expect(problem?.kind == .overloaded)
            #expect((problem?.cause as? StorageError)?.kind == .overloaded)
            release.signal()
            try await holder
            try await database.write { _ in }
        }
    }

    @Test func `connections beyond the pool's size close when they are unused`() async throws {
        try await withPostgres(poolSize: 2, overflow: 3) { database, _ in
            let arrived = Counter(), release = DispatchSemaphore(value: 0)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<5 {
                    group.addTask {
                        try await database.read { _ in
                            arrived.next()
                            release.wait()
                        }
                    }
                }
                #expect(try await eventually { arrived.count == 5 })
                #expect(database.gauges["postgres_connections"] == 5)
                for _ in 0..<5 { release.signal() }
                try await group.waitForAll()
            }
            #expect(try await eventually { database.gauges["postgres_connections"] == 2 })
            #expect(database.gauges["postgres_connections_idle"] == 2)
        }
    }

    @Test(arguments: [Duration.zero, .days(1), nil])
    func `a connection of the maximum age is replaced, and does not count as broken`(_ age: Duration?) async throws {
        try await withPostgres(poolSize: 1, overflow: 0, connectionAgeMax: age) { database, _ in
            func process() async throws -> Int64? {
                try await database.read { try $0.first("SELECT pg_backend_pid() AS pid")?["pid"] }
            }
            let first = try #require(try await process())
            let second = try #require(try await process())
            #expect((first == second) == (age != .zero))
            #expect(database.gauges["postgres_connections"] == (age == .zero ? 0 : 1))
            #expect(database.gauges["postgres_reconnects_total"] == 0)
            try await database.write { try $0.execute("INSERT INTO things (id) VALUES ('a')") }
            #expect(try await count(database) == 1)
        }
    }

    @Test func `a statement beyond its timeout is cancelled`() async throws {
        try await withPostgres { database, _ in
            let standard = try await database.read { try $0.first("SHOW statement_timeout")?.values }
            #expect(standard == [.text("30s")])
            let problem = await #expect(throws: Problem.self) {
                try await database.write { transaction in
                    try transaction.execute("SET LOCAL statement_timeout = 50")
                    try transaction.execute("SELECT pg_sleep(20)")
                }
            }
            #expect((problem?.cause as? StorageError)?.kind == .cancelled)
        }
    }

    @Test func `a read is cancelled with its task, and its connection is not reused`() async throws {
        try await withPostgres(poolSize: 1, overflow: 0) { database, _ in
            let started = Signal(), proceed = DispatchSemaphore(value: 0), clock = ContinuousClock.now
            let read = Task {
                try await database.read { transaction in
                    started.send()
                    #expect(proceed.wait(timeout: .now() + 10) == .success)
                    return try transaction.execute("SELECT pg_sleep(20)")
                }
            }
            await started.received()
            read.cancel()
            // Also when the request arrives between two statements.
            try await Task.sleep(for: .milliseconds(150))
            proceed.signal()
            let problem = await #expect(throws: Problem.self) { try await read.value }
            #expect((problem?.cause as? StorageError)?.kind == .cancelled)
            #expect(ContinuousClock.now - clock < .seconds(5))
            for _ in 0..<20 { try await database.write { try $0.execute("DELETE FROM things") } }
        }
    }

    @Test func `after every connection is terminated the next transactions succeed`() async throws {
        try await withPostgres { database, other in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<4 {
                    group.addTask { _ = try await database.read { try $0.execute("SELECT pg_sleep(0.05)") } }
                }
                try await group.waitForAll()
            }
            try await other.write {
                try $0.execute(
                    """
                    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                    WHERE datname = current_database() AND pid <> pg_backend_pid()
                    """
                )
            }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<20 {
                    group.addTask {
                        _ = try await database.write {
                            try $0.execute("INSERT INTO things (id) VALUES (\(String(number)))")
                        }
                    }
                }
                try await group.waitForAll()
            }
            #expect(try await count(database) == 20)
        }
    }

    @Test func `a statement prepared before its table changed is prepared again`() async throws {
        try await withPostgres(poolSize: 1, overflow: 0) { database, other in
            try await database.write { try $0.execute("INSERT INTO things (id) VALUES ('a')") }
            #expect(try await database.read { try $0.first("SELECT * FROM things")?.columns.names.count } == 4)
            try await other.migrate { try $0.execute("ALTER TABLE things ADD COLUMN extra TEXT") }
            #expect(try await database.read { try $0.first("SELECT * FROM things")?.columns.names.count } == 5)
        }
    }

    @Test func `a write finds the rows of a small table by index, as it has to when the table has grown`()
        async throws
    {
        try await withPostgres { database, _ in
            let plan = try await database.write { transaction in
                try transaction.execute("INSERT INTO things (id) VALUES ('a'), ('b')")
                var rows = SQL.Rows(SQL.Rows.Columns(("wanted", .text)))
                rows.append([.text("a")])
                return try transaction.all(
                    """
                    EXPLAIN SELECT things.id FROM \(rows: rows, as: "calls") CROSS JOIN things
                    WHERE things.id = calls.wanted
                    """
                ) { try $0.read("QUERY PLAN", as: String.self) }
            }
            #expect(plan.contains { $0.contains("Index") }, "\(plan)")
            #expect(!plan.contains { $0.contains("Seq Scan") || $0.contains("Hash Join") }, "\(plan)")
        }
    }

    /// Without an index, the plan that writes rule out is the only one, and counts as costly: its compilation would
    /// take longer than the statement.
    @Test func `a write that has to read a whole table is not compiled`() async throws {
        try await withPostgres { database, _ in
            let plan = try await database.write { transaction in
                try transaction.all("EXPLAIN ANALYZE SELECT integer FROM free WHERE text = 'a'") {
                    try $0.read("QUERY PLAN", as: String.self)
                }
            }
            #expect(plan.contains { $0.contains("Seq Scan on free") }, "\(plan)")
            #expect(!plan.contains { $0.contains("JIT") }, "\(plan)")
        }
    }

    @Test func `at most 512 statements stay prepared`() async throws {
        try await withPostgres { database, _ in
            let prepared = try await database.write { transaction in
                for number in 0..<600 { try transaction.execute(SQL(trusted: "SELECT \(number)")) }
                return try transaction.count("SELECT COUNT(*) AS count FROM pg_prepared_statements")
            }
            #expect(prepared == 512)
        }
    }

    @Test func `numbers are read by their value`() async throws {
        try await withPostgres { database, _ in
            let row = try await database.read { transaction in
                try transaction.first(
                    """
                    SELECT 1::int2 AS a, 2::int4 AS b, 1.50::numeric AS c, 2.000::numeric AS d, -0.5::numeric AS e,
                        1e30::numeric AS f, true AS g, 'x'::name AS h, 0.5::float4 AS i, '-0'::float8 AS j
                    """
                )
            }
            let expected: [SQL.Value] = [
                .integer(1), .integer(2), .real(1.5), .integer(2), .real(-0.5), .real(1e30), .integer(1), .text("x"),
                .real(0.5), .real(-0.0),
            ]
            #expect(row?.values == expected)
            guard case .real(let zero) = row?.values.last else { return #expect(Bool(false), "not a double") }
            #expect(zero.sign == .minus)
        }
    }

    @Test func `an unreachable server fails within the timeout, and an invalid address at once`() async throws {
        let database = try PostgresDatabase(
            url: "postgresql://gatehouse@127.0.0.1:1/none", poolSize: 2, overflow: 0, acquireTimeout: .milliseconds(200)
        )
        let started = ContinuousClock.now
        let problem = await #expect(throws: Problem.self) { try await database.read { _ in } }
        #expect(problem?.kind == .overloaded)
        #expect(ContinuousClock.now - started < .seconds(8))
        await database.close()
        #expect(throws: InvalidDatabaseURL.self) {
            try PostgresDatabase(url: "mysql//user:secret@", poolSize: 1, overflow: 0, acquireTimeout: .seconds(1))
        }
    }

    /// Two databases on one place: the one under test, and one of another process.
    private func withPostgres(
        poolSize: Int = 4, overflow: Int = 2, acquireTimeout: Duration = .seconds(10),
        connectionAgeMax: Duration? = nil, commitFault: (@Sendable () -> CommitFault?)? = nil,
        _ body: (any Database, any Database) async throws -> Void
    ) async throws {
        try await withDatabasePlace(.postgres) { place in
            let database = try PostgresDatabase(
                url: place.address, poolSize: poolSize, overflow: overflow, acquireTimeout: acquireTimeout,
                connectionAgeMax: connectionAgeMax, commitFault: commitFault
            )
            let other = try place.open()
            // The first call of `commitFault` is for this commit.
            try await createTables(in: database)
            try await body(database, other)
            await database.close()
            await other.close()
        }
    }
}
