import Base
import Foundation
import Jobs
import ServiceLifecycle
import Storage
import Synchronization
import Telemetry
import TestKit

/// A queue on a database of its own, with the test's clock and a seeded random source.
struct JobFixture: Sendable {
    let database: any Database
    let clock: TestClock
    let queue: JobQueue
    let runtime: Runtime
    let metrics = Metrics()
    /// An interval that no test lasts: the signals alone have to work.
    static let never = Duration.seconds(3_600)
    /// 2026-03-02T08:00:00Z, a Monday: the start of the test's clock.
    static let start = Instant(seconds: 1_772_438_400)

    /// - Parameter database: migrated by ``migrate(_:)``.
    init(_ database: any Database, clock: TestClock) {
        let random = Mutex(UInt64(7))
        let runtime = Runtime(now: { clock.now }) { count in
            random.withLock { state in
                (0..<count).map { _ in
                    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                    return UInt8(state >> 56)
                }
            }
        }
        self.database = database
        self.clock = clock
        self.runtime = runtime
        queue = JobQueue(runtime: runtime, repairInterval: Self.never)
    }

    static func migrate(_ database: any Database) async throws {
        let notes = Migration(
            "test-001-notes", "CREATE TABLE notes (number \(.integer) NOT NULL, text TEXT NOT NULL) \(.strict)")
        try await Migrator(JobsSchema.migrations + [notes]).run(on: database)
    }
    let log = LogOutput(keepsLines: true)

    /// - Parameter other: a wrapper of the fixture's database.
    func runner(
        _ workers: [Worker], schedules: [Schedule] = [], on other: (any Database)? = nil,
        settings: JobRunner.Settings = .init()
    ) -> JobRunner {
        JobRunner(
            database: other ?? database,
            workers: workers,
            schedules: schedules,
            queue: queue,
            metrics: metrics,
            logger: Logger(label: "jobs") { [log] label in
                LineLogHandler(label: label, format: .json, level: .debug, output: log)
            },
            runtime: runtime,
            settings: settings
        )
    }

    @discardableResult
    func enqueue(_ job: some Job, _ options: JobOptions = .init()) async throws -> ID<QueuedJob> {
        try await database.write { [queue] in try queue.enqueue(job, options, in: $0) }
    }

    func status(_ id: ID<QueuedJob>) async throws -> JobStatus {
        guard let status = try await database.read({ [queue] in try queue.status(of: id, in: $0) }) else {
            throw NoSuchJob()
        }
        return status
    }

    @discardableResult
    func cancel(_ id: ID<QueuedJob>) async throws -> JobState? {
        try await database.write { [queue] in try queue.cancel(id, in: $0) }
    }

    /// The rows that the jobs of the tests insert, in order.
    func notes() async throws -> [String] {
        try await database.read { try $0.all("SELECT text FROM notes ORDER BY number") { try $0["text"] } }
    }

    func count(_ sql: SQL) async throws -> Int64 {
        try await database.read { try $0.count(sql) }
    }
}

struct NoSuchJob: Error {}

/// A job that inserts a note.
struct Note: Job {
    static let name = "test.note"
    var text: String
}

struct Other: Job {
    static let name = "test.other"
}

/// A job of the lane that organisations share.
struct Computation: Job {
    static let name = "test.computation"
    static let lane = JobLane.compute
    var text: String
}

extension Transaction {
    func note(_ text: String) throws {
        try execute(
            "INSERT INTO notes (number, text) VALUES ((SELECT COALESCE(MAX(number), 0) + 1 FROM notes), \(text))")
    }
}

extension Worker {
    /// Inserts the job's text with its completion.
    static let notes = Worker(Note.self) { job, _ in .done { try $0.note(job.text) } }
}

func withJobFixture(_ engine: Engine, _ body: (JobFixture) async throws -> Void) async throws {
    let clock = TestClock(JobFixture.start)
    try await withDatabase(engine, clock: { clock.now }) { database in
        try await JobFixture.migrate(database)
        try await body(JobFixture(database, clock: clock))
    }
}

/// Runs the runners as services until `body` calls `stop` or returns.
func whileServing(
    _ runners: [JobRunner], _ body: (_ stop: () async throws -> Void) async throws -> Void
) async throws {
    let logger = Logger(label: "services") { _ in SwiftLogNoOpLogHandler() }
    let group = ServiceGroup(configuration: .init(services: runners.map { .init(service: $0) }, logger: logger))
    try await withThrowingTaskGroup(of: Void.self) { tasks in
        tasks.addTask { try await group.run() }
        try await body {
            await group.triggerGracefulShutdown()
            try await tasks.waitForAll()
        }
        await group.triggerGracefulShutdown()
        try await tasks.waitForAll()
    }
}
