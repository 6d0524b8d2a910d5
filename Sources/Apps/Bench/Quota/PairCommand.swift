import App
import ArgumentParser
import Entitlements
import Foundation
import Modules
import Synchronization
import TestKit

/// Reservations that are made and committed a second, through the layers and with the same statements alone; prints
/// one JSON value.
struct PairCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "pair", shouldDisplay: false)

    @Option var folder: String
    @Option var seconds: Double

    private static let busy = 256

    func run() async throws {
        var rates = PairRates()
        (rates.syncP50, rates.syncP99) = try DiskSync(folder: folder).times(seconds: seconds / 2)
        let server = try await BenchServer(folder: folder, logLevel: .error)
        let charges = try await server.charges(count: 64)
        rates.one = try await pairs(server, charges, callers: 1)
        let before = server.app.database.gauges
        rates.spread = try await pairs(server, charges, callers: Self.busy)
        let after = server.app.database.gauges
        rates.hot = try await pairs(server, Array(charges.prefix(1)), callers: Self.busy)
        func increase(_ name: String) -> Double { (after[name] ?? 0) - (before[name] ?? 0) }
        rates.groupSize = increase("sqlite_commit_writes_total") / max(1, increase("sqlite_commit_groups_total"))
        let recorder = RecordingDatabase(server.app.database)
        var recorded: [RecordedPair] = []
        for charge in charges { recorded.append(try await record(charge, server, recorder)) }
        await server.app.database.close()
        rates.bare = try BarePairs(
            path: "\(folder)/gatehouse.db", pairs: recorded, batch: max(1, Int(rates.groupSize.rounded()))
        ).rate(seconds: seconds)
        FileHandle.standardOutput.write(try JSONEncoder().encode(rates))
    }

    /// Pairs a second. Each caller commits its reservation when it is durable, and starts the next when the commit is.
    private func pairs(_ server: BenchServer, _ charges: [Charge], callers: Int) async throws -> Double {
        let (database, entitlements) = (server.app.database, server.app.entitlements)
        let start = ContinuousClock.now
        let end = start + .seconds(seconds)
        let count = try await withThrowingTaskGroup(of: Int.self) { tasks in
            for caller in 0..<callers {
                tasks.addTask {
                    let charge = charges[caller % charges.count]
                    var count = 0
                    while ContinuousClock.now < end {
                        let operation = Runtime.system.id(of: Charge.self).text
                        let id = try await database.write {
                            try entitlements.quotas.reserve(
                                charge, operation: operation, fingerprint: operation, in: $0)
                        }
                        try await database.write { try entitlements.quotas.commit(id, in: $0) }
                        count += 1
                    }
                    return count
                }
            }
            return try await tasks.reduce(0, +)
        }
        return Double(count) / (ContinuousClock.now - start).inSeconds
    }

    private func record(_ charge: Charge, _ server: BenchServer, _ recorder: RecordingDatabase) async throws
        -> RecordedPair
    {
        let entitlements = server.app.entitlements
        let operation = Runtime.system.id(of: Charge.self).text
        let id = try await recorder.write {
            try entitlements.quotas.reserve(charge, operation: operation, fingerprint: operation, in: $0)
        }
        let reserve = recorder.take()
        try await recorder.write { try entitlements.quotas.commit(id, in: $0) }
        return RecordedPair(id: id.text, operation: operation, reserve: reserve, commit: recorder.take())
    }
}

struct PairRates: Codable, Sendable {
    /// Microseconds of write and fdatasync.
    var syncP50 = Double.nan
    var syncP99 = Double.nan
    /// Pairs a second of one caller, of many on 64 limits, of many on one limit, and of the statements alone.
    var one = Double.nan
    var spread = Double.nan
    var hot = Double.nan
    var bare = Double.nan
    var groupSize = Double.nan
}

/// The statements of one reservation and its commit, with the two values that differ in another one.
struct RecordedPair: Sendable {
    let id: String
    let operation: String
    let reserve: [RecordingEngine.Statement]
    let commit: [RecordingEngine.Statement]
}

/// Records the statements of writes.
final class RecordingDatabase: Sendable {
    private let database: any Database
    private let statements = Mutex<[RecordingEngine.Statement]>([])

    init(_ database: any Database) { self.database = database }

    @discardableResult
    func write<Result: Sendable>(_ body: @escaping @Sendable (Transaction) throws -> Result) async throws(Problem)
        -> Result
    {
        try await database.write { [self] transaction in
            let engine = RecordingEngine(transaction.engine)
            let result = try body(Transaction(engine: engine, now: transaction.now))
            let recorded = engine.statements
            statements.withLock { $0 += recorded }
            return result
        }
    }

    func take() -> [RecordingEngine.Statement] {
        statements.withLock { statements in
            defer { statements = [] }
            return statements
        }
    }
}
