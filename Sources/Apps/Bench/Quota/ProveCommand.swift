import App
import ArgumentParser
import Foundation
import Modules
import StoragePostgres

/// Proves that limits are never exceeded, and that no unit or money is lost or moved twice, while processes are killed
/// and their clocks change.
struct ProveCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "prove",
        abstract: "Prove that limits and payouts are exact while processes are killed.",
        discussion:
            "The exit status is 1 after a violation. "
            + "PostgreSQL is included if --postgres or GATEHOUSE_TEST_POSTGRES names a server."
    )

    @Argument(help: "The subject: quota, payouts or webhooks.")
    var subject: Subject
    @Option(help: "The duration on each engine, 60 by default.")
    var seconds: Int?
    @Option(help: "The duration in minutes.")
    var minutes: Int?
    @Option(help: "Only this engine: sqlite or postgres.")
    var engine: Engine?
    @Option(help: "The URL of a PostgreSQL server whose user may create databases.")
    var postgres = ProcessInfo.processInfo.environment["GATEHOUSE_TEST_POSTGRES"] ?? ""
    @Option(help: "Attempts of each process that competes for one limit.")
    var attempts = 2_500

    @Option(help: "The number of payouts on each engine.")
    var payouts = 10_000
    @Option(help: "The number of webhooks on each engine.")
    var deliveries = 100_000
    @Option(help: "Determines the kills, faults and deliveries of the proofs of money; random by default.")
    var seed: UInt64?

    enum Subject: String, ExpressibleByArgument { case quota, payouts, webhooks }
    enum Engine: String, CaseIterable, ExpressibleByArgument { case sqlite, postgres }

    func run() async throws {
        let length = minutes.map { $0 * 60 } ?? seconds ?? 60
        var faults = 0
        for engine in Engine.allCases where self.engine ?? engine == engine {
            guard engine == .sqlite || !postgres.isEmpty else {
                if self.engine == engine {
                    throw ValidationError("Name a server: --postgres postgresql://… or GATEHOUSE_TEST_POSTGRES.")
                }
                write("PostgreSQL is skipped: no server is named.")
                continue
            }
            if subject == .webhooks {
                try await withDatabase(engine) { folder, database in
                    let proof = WebhookProof(
                        folder: folder, database: database, engine: engine, deliveries: deliveries,
                        seed: seed ?? .random(in: 1...1_000_000))
                    faults += try await proof.run(write)
                }
                continue
            }
            if subject == .payouts {
                try await withDatabase(engine) { folder, database in
                    let proof = PayoutProof(
                        folder: folder, database: database, engine: engine, count: payouts,
                        seed: seed ?? .random(in: 1...1_000_000))
                    faults += try await proof.run(write)
                }
                continue
            }
            try await withDatabase(engine) { folder, database in
                let proof = QuotaProof(folder: folder, database: database, engine: engine, seconds: length)
                faults += try await proof.run(write)
            }
            try await withDatabase(engine) { folder, database in
                let proof = EscrowProof(folder: folder, database: database, engine: engine, seconds: max(4, length / 3))
                faults += try await proof.run(write)
            }
            guard engine == .postgres else { continue }
            for mode in ["durable", "escrow"] {
                try await withDatabase(engine) { folder, database in
                    faults += try await QuotaRace(folder: folder, database: database, mode: mode, attempts: attempts)
                        .run(write)
                }
            }
        }
        if faults > 0 { throw ExitCode(1) }
    }

    /// Runs `body` with a folder and an empty database, which are removed afterwards.
    private func withDatabase(_ engine: Engine, _ body: (String, String) async throws -> Void) async throws {
        try await TemporaryFolder.with { folder in
            let folder = folder.path(percentEncoded: false)
            guard engine == .postgres, var address = URLComponents(string: postgres) else {
                return try await body(folder, "sqlite:\(folder)/gatehouse.db")
            }
            let name = "gatehouse_proof_" + Hex.encode(Runtime.system.randomBytes(6))
            try await PostgresServer.createDatabase(name, at: postgres)
            address.path = "/" + name
            do { try await body(folder, address.string ?? postgres) } catch {
                try? await PostgresServer.dropDatabase(name, at: postgres)
                throw error
            }
            try await PostgresServer.dropDatabase(name, at: postgres)
        }
    }

    private func write(_ text: String) { FileHandle.standardOutput.write(Data((text + "\n").utf8)) }
}
