import App
import ArgumentParser
import Entitlements
import Foundation
import HTTPTypes
import Identity
import Modules
import NIOCore

/// How fast the disk takes durable writes, by itself and through the layers; prints one JSON value.
struct WriteCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "write", shouldDisplay: false)

    @Option var folder: String
    @Option var seconds: Double

    func run() async throws {
        let house = try await BenchServer(folder: folder, logLevel: .error)
        let charges = try await house.charges(count: 64)
        var rates = WriteRates()
        (rates.syncP50, rates.syncP99) = try DiskSync(folder: folder).times(seconds: seconds / 2)
        rates.plain = try PlainTransactions(folder: folder).rate(seconds: seconds)
        rates.one = try await spendings(house, charges, callers: 1)
        rates.many = try await spendings(house, charges, callers: 256)
        let jobs = house.app.database.gauges
        rates.groupSize = jobs["sqlite_commit_group_writes_last"] ?? .nan
        await house.app.database.close()
        FileHandle.standardOutput.write(try JSONEncoder().encode(rates))
    }

    /// Units of quotas spent a second, each caller waiting for one to be durable before the next.
    private func spendings(_ house: BenchServer, _ charges: [Charge], callers: Int) async throws -> Double {
        let (database, entitlements) = (house.app.database, house.app.entitlements)
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

/// What one look at the disk found.
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
    /// Proofs of the gate for people of as many organisations, to be spent over and over.
    func charges(count: Int) async throws -> [Charge] {
        var charges: [Charge] = []
        for index in 0..<count {
            let token = try await signUp("writer-\(index)@example.org")
            let call = Request(
                method: .post,
                path: "/v1/bench/spending",
                headers: [.authorization: "Bearer \(token)"],
                requestID: "bench",
                address: "127.0.0.1",
                received: Runtime.system.now()
            )
            charges.append(try await app.entitlements.quota(Self.meter).check(call))
        }
        return charges
    }

    private func signUp(_ email: String) async throws -> String {
        func post(_ path: String, _ body: JSONValue, token: String?) async throws -> JSONValue {
            var head = HTTPRequest(
                method: .post, scheme: "http", authority: "localhost", path: path,
                headerFields: [.contentType: "application/json"])
            if let token { head.headerFields[.authorization] = "Bearer \(token)" }
            let response = await app.dispatcher.respond(
                to: head, body: RequestBody(bytes: Array(try JSONEncoder().encode(body))), address: "127.0.0.1")
            guard response.status == .created, case .buffer(let buffer) = response.body else {
                throw CocoaError(.userCancelled)
            }
            return try JSONDecoder().decode(JSONValue.self, from: Data(buffer.readableBytesView))
        }
        let account = try await post(
            "/v1/auth/register", ["email": .string(email), "password": "correct horse battery"], token: nil)
        let token = account["access_token"]?.string
        _ = try await post("/v1/payments/subscribe", ["plan": .string(Self.plan)], token: token)
        return token ?? ""
    }
}
