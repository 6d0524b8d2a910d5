import App
import Foundation
import Modules
import TestStripe

/// Releases a second against a provider that answers in a millisecond, on SQLite. The system has one core and the
/// provider another.
struct ReleaseMeasurement {
    let effort: Effort
    let scratch: URL

    /// Releases that are sent at once.
    private static let tasks = 64
    private static let responseTime = Duration.milliseconds(1)
    /// More than are made.
    private static let payouts = 1_000_000

    func run() async throws -> Table {
        let folder = scratch.appending(path: "releases").path(percentEncoded: false)
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        var settings = TestStripeServer.Settings()
        settings.responseTime = Self.responseTime
        let stripe = try await TestStripeServer.start(settings)
        let provider = BenchProvider(stripe)
        let database = "sqlite:\(folder)/gatehouse.db"
        let server = try await PayoutServer(folder: folder, database: database, provider: provider)
        _ = try await server.prepare(Self.payouts, stripe, isRestricted: false)
        await server.app.close()
        let arguments = [
            "release", "--folder", folder, "--database", database, "--tasks", "\(Self.tasks)", "--seconds",
            "\(effort.roundSeconds)",
        ]
        var rounds: [ReleaseCommand.Result] = []
        for _ in 0..<effort.rounds {
            let output = try Child.output(
                of: Child.ownPath,
                arguments + provider.arguments + ["--first", "\(rounds.reduce(0) { $0 + $1.begun })"],
                on: Machine.cores > 1 ? .core(0) : .all)
            rounds.append(try JSONDecoder().decode(ReleaseCommand.Result.self, from: output))
        }
        await stripe.stop()
        var table = Table(
            "Payouts on SQLite, \(Self.tasks) at once",
            ["operation", "a second", "CPU µs"])
        table.rows = [
            [
                "releases", rounds.map { Double($0.transferred) / $0.seconds }.median.shown(),
                rounds.map { $0.processorSeconds / Double($0.transferred) * 1e6 }.median.shown(),
            ]
        ]
        table.note =
            "A release is its beginning, the transfer at the provider and its settlement, each committed. The provider "
            + "answers after \((Self.responseTime / .milliseconds(1)).shown()) ms."
        return table
    }
}
