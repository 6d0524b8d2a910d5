import App
import ArgumentParser
import Foundation
import Modules
import StoragePostgres

/// Proves that limits are never exceeded, that no unit or money is lost or moved twice, that workflows have each of
/// their effects once, and that every turn of a chat is settled, while processes are killed and their clocks change.
struct ProveCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "prove",
        abstract: "Prove that limits, payouts, workflows and chat are exact while processes are killed.",
        discussion:
            "The exit status is 1 after a violation. "
            + "PostgreSQL is included if --postgres or GATEHOUSE_TEST_POSTGRES names a server."
    )

    @Argument(help: "The subject: quota, payouts, webhooks, workflows or chat.")
    var subject: Subject
    @Option(help: "The duration of quota and chat on each engine, 60 by default.")
    var seconds: Int?
    @Option(help: "The duration in minutes.")
    var minutes: Int?
    @Option(help: "Only this engine: sqlite or postgres.")
    var engine: Engine?
    @Option(help: "The URL of a PostgreSQL server whose user may create databases.")
    var postgres = ProcessInfo.processInfo.environment["GATEHOUSE_TEST_POSTGRES"] ?? ""
    @Option(help: "Attempts of each process that competes for one limit.")
    var attempts = 2_500

    @Option(
        help: """
            The number of payouts, 10000 by default, of webhooks, 100000 by default, or of workflows, 1000 by default, \
            on each engine.
            """)
    var count: Int?
    @Option(help: "Determines the kills, faults and deliveries; random by default.")
    var seed: UInt64?

    enum Subject: String, ExpressibleByArgument { case quota, payouts, webhooks, workflows, chat }
    enum Engine: String, CaseIterable, ExpressibleByArgument { case sqlite, postgres }

    /// In seconds, on each engine.
    private var length: Int { minutes.map { $0 * 60 } ?? seconds ?? 60 }

    func validate() throws {
        guard (1...1_000_000).contains(count ?? 1) else { throw ValidationError("--count takes 1 to 1000000.") }
    }

    func run() async throws {
        var faults = 0
        for engine in Engine.allCases where self.engine ?? engine == engine {
            guard engine == .sqlite || !postgres.isEmpty else {
                if self.engine == engine {
                    throw ValidationError("Name a server: --postgres postgresql://… or GATEHOUSE_TEST_POSTGRES.")
                }
                Self.write("PostgreSQL is skipped: no server is named.")
                continue
            }
            switch subject {
            case .quota: faults += try await proveQuota(engine)
            case .payouts:
                try await withDatabase(engine) { folder, database in
                    let proof = PayoutProof(
                        folder: folder, database: database, engine: engine, count: count ?? 10_000,
                        seed: seed ?? .random(in: 1...1_000_000))
                    faults += try await proof.run(Self.write)
                }
            case .webhooks:
                try await withDatabase(engine) { folder, database in
                    let proof = WebhookProof(
                        folder: folder, database: database, engine: engine, deliveries: count ?? 100_000,
                        seed: seed ?? .random(in: 1...1_000_000))
                    faults += try await proof.run(Self.write)
                }
            case .workflows: faults += try await proveWorkflows(engine)
            case .chat:
                try await withDatabase(engine) { folder, database in
                    let proof = ChatProof(
                        folder: folder, database: database, engine: engine, seconds: length,
                        seed: seed ?? .random(in: 1...1_000_000))
                    faults += try await proof.run(Self.write)
                }
            }
        }
        if faults > 0 { throw ExitCode(1) }
    }

    /// - Returns: the number of violations.
    private func proveQuota(_ engine: Engine) async throws -> Int {
        var faults = 0
        try await withDatabase(engine) { folder, database in
            let proof = QuotaProof(folder: folder, database: database, engine: engine, seconds: length)
            faults += try await proof.run(Self.write)
        }
        try await withDatabase(engine) { folder, database in
            let proof = EscrowProof(folder: folder, database: database, engine: engine, seconds: max(4, length / 3))
            faults += try await proof.run(Self.write)
        }
        guard engine == .postgres else { return faults }
        for mode in ["durable", "escrow"] {
            try await withDatabase(engine) { folder, database in
                faults += try await QuotaRace(folder: folder, database: database, mode: mode, attempts: attempts)
                    .run(Self.write)
            }
        }
        return faults
    }

    /// - Returns: the number of violations.
    private func proveWorkflows(_ engine: Engine) async throws -> Int {
        let count = count ?? 1_000
        var faults = 0
        try await withDatabase(engine) { folder, database in
            let rate = WorkflowRate(folder: folder, database: database, count: min(count, WorkflowRate.countMax))
            let steps = Int(try await rate.measure())
            Self.write("\(engine): \(steps) steps a second in one process, without kills")
        }
        try await withDatabase(engine) { folder, database in
            let proof = WorkflowProof(
                folder: folder, database: database, engine: engine, count: count,
                seed: seed ?? .random(in: 1...1_000_000))
            faults += try await proof.run(Self.write)
        }
        return faults
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

    private static func write(_ text: String) { FileHandle.standardOutput.write(Data((text + "\n").utf8)) }
}
