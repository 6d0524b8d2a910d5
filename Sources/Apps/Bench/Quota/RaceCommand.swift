import App
import ArgumentParser
import Entitlements
import Foundation
import Modules
import ServiceLifecycle
import Synchronization

/// One of several processes that compete for the same limit; prints one JSON value.
struct RaceCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "race", shouldDisplay: false)

    @Option var folder: String
    @Option var database: String
    @Option var node: String
    @Option var mode: String
    @Option var attempts: Int
    @Option var limit: Int64

    private static let callers = 50

    struct Result: Codable, Sendable {
        var admitted = 0
        var refused = 0
        /// Refused while units remained.
        var early = 0
        var failed = 0
        var firstFailure: String?
        var seconds = 0.0
    }

    func run() async throws {
        let server = try await ProofServer(folder: folder, database: database, connections: 4)
        let entitlements = server.app.entitlements
        try await entitlements.recovery.startNode(as: node)
        let token = try server.tokens().first ?? ""
        let charge = try await server.charge(token, units: 1, QuotaMode(rawValue: mode) ?? .durable)
        let maintenance = Task { try await entitlements.escrow.refresher(logger: server.app.logger).run() }
        _ = FileManager.default.createFile(atPath: "\(folder)/ready-\(node)", contents: nil)
        while !FileManager.default.fileExists(atPath: "\(folder)/go") { try await Task.sleep(for: .milliseconds(2)) }

        let (next, start) = (Counter(), ContinuousClock.now)
        var result = await withTaskGroup(of: Result.self) { group in
            for _ in 0..<Self.callers {
                group.addTask {
                    var own = Result()
                    while next.take() <= attempts { await attempt(charge, server, &own) }
                    return own
                }
            }
            return await group.reduce(into: Result()) { sum, own in
                sum.admitted += own.admitted
                sum.refused += own.refused
                sum.early += own.early
                sum.failed += own.failed
                sum.firstFailure = sum.firstFailure ?? own.firstFailure
            }
        }
        result.seconds = (ContinuousClock.now - start).inSeconds
        try await entitlements.escrow.close()
        maintenance.cancel()
        _ = try? await maintenance.value
        await server.app.database.close()
        FileHandle.standardOutput.write(try JSONEncoder().encode(result))
    }

    private func attempt(_ charge: Charge, _ server: ProofServer, _ result: inout Result) async {
        let (entitlements, database) = (server.app.entitlements, server.app.database)
        let operation = charge.operation(key: Runtime.system.id(of: Charge.self).text)
        do {
            if charge.mode == .durable {
                let id = try await database.write {
                    try entitlements.quotas.reserve(charge, operation: operation, fingerprint: "", in: $0)
                }
                try await database.write { try entitlements.quotas.commit(id, in: $0) }
            } else {
                try await entitlements.escrow.draw(charge, operation: operation)
            }
            result.admitted += 1
        } catch {
            guard error.kind == .quotaExceeded else {
                result.failed += 1
                result.firstFailure = result.firstFailure ?? "\(error)"
                return
            }
            result.refused += 1
            if error.members["current_usage"]?.integer != limit { result.early += 1 }
        }
    }
}

/// An atomic counter from 1.
private final class Counter: Sendable {
    private let count = Atomic(0)
    func take() -> Int { count.add(1, ordering: .relaxed).newValue }
}
