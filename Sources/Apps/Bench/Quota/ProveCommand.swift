import ArgumentParser
import Foundation
import Modules
import StoragePostgres

/// The long proof about limits: never over, never lost, never twice, whoever is killed and whatever the clocks say.
struct ProveCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "prove",
        abstract: "Prove that limits are kept while processes are killed.",
        discussion:
            "Ends with status 1 where anything is found. PostgreSQL takes part where --postgres or GATEHOUSE_TEST_POSTGRES names a server."
    )

    @Argument(help: "What: quota.")
    var what: What
    @Option(help: "How long on each database.")
    var seconds: Int?
    @Option(help: "The same in minutes.")
    var minutes: Int?
    @Option(help: "Only on sqlite or postgres.")
    var engine: Engine?
    @Option(help: "A server whose user may create databases.")
    var postgres = ProcessInfo.processInfo.environment["GATEHOUSE_TEST_POSTGRES"] ?? ""
    @Option(help: "Attempts of each process in the race for one limit.")
    var attempts = 2_500

    enum What: String, ExpressibleByArgument { case quota }
    enum Engine: String, CaseIterable, ExpressibleByArgument { case sqlite, postgres }

    func run() async throws {
        let length = minutes.map { $0 * 60 } ?? seconds ?? 60
        var faults = 0
        for engine in Engine.allCases where self.engine ?? engine == engine {
            guard engine == .sqlite || !postgres.isEmpty else {
                if self.engine == engine {
                    throw ValidationError("Name a server: --postgres postgresql://… or GATEHOUSE_TEST_POSTGRES.")
                }
                say("PostgreSQL is left out: no server is named.")
                continue
            }
            try await withPlace(engine) { folder, database in
                let proof = QuotaProof(folder: folder, database: database, engine: engine, seconds: length)
                faults += try await proof.run(say)
            }
            try await withPlace(engine) { folder, database in
                let proof = EscrowProof(folder: folder, database: database, engine: engine, seconds: max(4, length / 3))
                faults += try await proof.run(say)
            }
            guard engine == .postgres else { continue }
            for mode in ["durable", "escrow"] {
                try await withPlace(engine) { folder, database in
                    faults += try await QuotaRace(folder: folder, database: database, mode: mode, attempts: attempts)
                        .run(say)
                }
            }
        }
        if faults > 0 { throw ExitCode(1) }
    }

    /// A folder and an empty database, gone afterwards.
    private func withPlace(_ engine: Engine, _ body: (String, String) async throws -> Void) async throws {
        try await Scratch.withFolder(in: FileManager.default.temporaryDirectory.path) { folder in
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

    private func say(_ text: String) { FileHandle.standardOutput.write(Data((text + "\n").utf8)) }
}
