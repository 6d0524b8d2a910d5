import App
import ArgumentParser
import Entitlements
import Foundation
import HTTPTypes
import Identity
import Modules

/// Durable writes a second, of the disk alone and through the layers; prints one JSON value.
struct WriteCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "write", shouldDisplay: false)

    @Option var folder: String
    @Option var seconds: Double

    func run() async throws {
        let server = try await BenchServer(folder: folder, logLevel: .error)
        let charges = try await server.charges(count: 64)
        var rates = WriteRates()
        (rates.syncP50, rates.syncP99) = try DiskSync(folder: folder).times(seconds: seconds / 2)
        rates.plain = try PlainTransactions(folder: folder).rate(seconds: seconds)
        rates.one = try await spendings(server, charges, callers: 1)
        rates.many = try await spendings(server, charges, callers: 256)
        let gauges = server.app.database.gauges
        rates.groupSize = gauges["sqlite_commit_group_writes_last"] ?? .nan
        await server.app.database.close()
        FileHandle.standardOutput.write(try JSONEncoder().encode(rates))
    }

    /// Spent units of quotas a second. Each caller spends the next unit when the last one is durable.
    private func spendings(_ server: BenchServer, _ charges: [Charge], callers: Int) async throws -> Double {
        let (database, entitlements) = (server.app.database, server.app.entitlements)
        let clock = ContinuousClock()
        let start = clock.now
        let end = start + .seconds(seconds)
        let count = try await withThrowingTaskGroup(of: Int.self) { tasks in
            for caller in 0..<callers {
                tasks.addTask {
                    var count = 0
                    while ContinuousClock.now < end {
                        let operation = Runtime.system.id(of: Charge.self).text
                        try await database.write {
                            try entitlements.quotas.spend(charges[caller % charges.count], operation: operation, in: $0)
                        }
                        count += 1
                    }
                    return count
                }
            }
            return try await tasks.reduce(0, +)
        }
        return Double(count) / (clock.now - start).inSeconds
    }
}

/// The results of one round.
struct WriteRates: Codable, Sendable {
    /// Microseconds of write and fdatasync.
    var syncP50 = Double.nan
    var syncP99 = Double.nan
    /// Transactions a second.
    var plain = Double.nan
    var one = Double.nan
    var many = Double.nan
    var groupSize = Double.nan
}

extension BenchServer {
    /// Charges of the gate for as many organisations; each can be spent repeatedly.
    func charges(count: Int) async throws -> [Charge] {
        var charges: [Charge] = []
        for index in 0..<count {
            let token = try await app.registerSubscriber("writer-\(index)@example.org", plan: Self.plan).token
            let request = Request(
                method: .post,
                path: "/v1/bench/spending",
                headers: [.authorization: "Bearer \(token)"],
                requestID: "bench",
                address: "127.0.0.1",
                received: Runtime.system.now()
            )
            charges.append(try await app.entitlements.quota(Self.meter).check(request))
        }
        return charges
    }
}
