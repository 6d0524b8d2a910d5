import Foundation
import TestStripe

/// Webhooks of the provider that are accepted a second, and the time until they are acknowledged, with and without a
/// backlog of events that wait to be applied. The server applies events meanwhile.
struct WebhookMeasurement {
    let effort: Effort
    let scratch: URL

    private static let connections = 256
    /// Webhooks a second of the steady load.
    private static let rate = 2_000
    private static let backlog = 100_000
    /// More events than a round has.
    private static let numbersPerRound = 1_000_000

    private struct Load {
        let title: String
        /// 0 for as many as are acknowledged.
        let rate: Int
        let goal: String
    }

    private static let loads = [
        Load(title: "as many as are acknowledged", rate: 0, goal: "≥ 3 000 a second"),
        Load(title: "\(rate) a second", rate: rate, goal: "p99 ≤ 50 ms"),
    ]

    func run() async throws -> Table {
        let stripe = try await TestStripeServer.start()
        var table = Table(
            "Webhooks accepted durably on SQLite, \(Self.connections) connections",
            ["load", "waiting events", "a second", "p50 ms", "p99 ms", "max ms", "goal", "CPU µs", "client µs"])
        var applied: [Double] = []
        for backlog in [0, effort.rows == Effort.full.rows ? Self.backlog : Self.backlog / 10] {
            let server = try await WebhookServer(
                in: scratch.appending(path: "webhooks-\(backlog)"), backlog: backlog, BenchProvider(stripe))
            let rounds: [[SendWebhooksCommand.Result]]
            let started = ContinuousClock.now
            do { rounds = try send(to: server) } catch {
                server.stop()
                throw error
            }
            let seconds = (ContinuousClock.now - started) / .seconds(1)
            server.stop()
            let events = try await server.events()
            let acknowledged = rounds.joined().reduce(0) { $0 + $1.acknowledged }
            guard events.stored == backlog + acknowledged else {
                throw Lost(acknowledged: acknowledged, stored: events.stored - backlog)
            }
            applied.append(Double(events.settled) / seconds)
            for (load, results) in zip(Self.loads, rounds) {
                func median(_ value: (SendWebhooksCommand.Result) -> Double) -> Double { results.map(value).median }
                table.rows.append([
                    load.title, Double(backlog).shown(), median(\.perSecond).shown(),
                    median(\.p50Milliseconds).shown(1), median(\.p99Milliseconds).shown(1),
                    median(\.maxMilliseconds).shown(1), load.goal, median(\.serverMicroseconds).shown(),
                    median(\.clientMicroseconds).shown(),
                ])
            }
        }
        table.note =
            "Each webhook has a signature and an id of its own, and is in the database when it is acknowledged. The "
            + "steady load is sent at fixed times, and times begin when a webhook was due. The server fetches and "
            + "applies \(applied.map { $0.shown() }.joined(separator: " and ")) events a second meanwhile."
        await stripe.stop()
        return table
    }

    /// - Returns: the results of each load.
    private func send(to server: WebhookServer) throws -> [[SendWebhooksCommand.Result]] {
        var results: [[SendWebhooksCommand.Result]] = Self.loads.map { _ in [] }
        var number = 0
        for _ in 0..<effort.rounds {
            for (index, load) in Self.loads.enumerated() {
                results[index].append(
                    try server.send(
                        rate: load.rate, connections: Self.connections, seconds: effort.roundSeconds, first: number))
                number += Self.numbersPerRound
            }
        }
        return results
    }

    private struct Lost: Error, CustomStringConvertible {
        let acknowledged: Int
        let stored: Int
        var description: String { "\(acknowledged) webhooks were acknowledged, and \(stored) are stored" }
    }
}
