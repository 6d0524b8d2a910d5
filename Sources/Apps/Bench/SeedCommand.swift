import App
import ArgumentParser
import Foundation
import Modules

/// Prepares a database for the gate's measurement: accounts, a service key, and settled reservations.
struct SeedCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "seed", shouldDisplay: false)

    @Option var folder: String
    @Option var database: String?
    @Option(help: "Accounts that are registered, each with an organisation of its own.")
    var accounts: Int
    @Option(help: "Settled reservations, each with its usage entry, in organisations that are added for them.")
    var settled = 0
    @Option(help: "The organisations of the settled reservations.")
    var organisations = 1

    /// Runs the command in a process of its own.
    /// - Parameter folder: created if it does not exist.
    static func seed(
        _ folder: URL, database: String? = nil, accounts: Int, settled: Int = 0, organisations: Int = 1
    ) throws {
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        var arguments = [
            "seed", "--folder", folder.path, "--accounts", "\(accounts)", "--settled", "\(settled)",
            "--organisations", "\(organisations)",
        ]
        if let database { arguments += ["--database", database] }
        _ = try Child.output(of: Child.ownPath, arguments)
    }

    /// As many organisations are measured, so that the same number of rows is hot in every database.
    private static let measuredOrganisations = 1_000

    func run() async throws {
        let server = try await BenchServer(folder: folder, database: database, logLevel: .error)
        let fixture = GateFixture(folder: URL(filePath: folder, directoryHint: .isDirectory))
        try await fixture.make(organisations: accounts, in: server.app)
        if settled > 0 {
            let history = SettledReservations(count: settled, organisations: organisations)
            try await history.insert(into: server.app.database)
            try fixture.write(organisations: history.organisations(Self.measuredOrganisations))
        }
        await server.app.database.close()
    }
}
