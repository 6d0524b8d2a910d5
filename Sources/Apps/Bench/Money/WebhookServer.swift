import App
import Foundation
import Modules
import TestStripe

/// A running server of the system that accepts the provider's webhooks, on a core of its own.
struct WebhookServer {
    private let folder: URL
    private let process: Child
    private let port: String
    private let provider: BenchProvider

    /// - Parameter backlog: events that were accepted before, and are not applied.
    init(in folder: URL, backlog: Int, _ provider: BenchProvider) async throws {
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let seeding = try await BenchServer(folder: folder.path(percentEncoded: false), logLevel: .error)
        try await EventBacklog.insert(backlog, into: seeding.app.database)
        await seeding.app.close()
        process = try Child.own(
            ["serve", "gatehouse", "--folder", folder.path(percentEncoded: false), "--loops", "1"] + provider.arguments,
            on: Machine.cores > 1 ? .core(0) : .all)
        do { port = try await Child.port(in: folder) } catch {
            process.stop()
            throw error
        }
        (self.folder, self.provider) = (folder, provider)
    }

    /// Sends webhooks from a process on another core.
    /// - Parameter rate: a second; 0 for as many as are acknowledged.
    func send(rate: Int, connections: Int, seconds: Int, first: Int) throws -> SendWebhooksCommand.Result {
        let output = try Child.output(
            of: Child.ownPath,
            [
                "send-webhooks", "--port", port, "--secret", provider.webhookSecret, "--connections", "\(connections)",
                "--seconds", "\(seconds)", "--rate", "\(rate)", "--first", "\(first)", "--server",
                "\(process.identifier)",
            ], on: Machine.cores > 1 ? .core(1) : .all)
        return try JSONDecoder().decode(SendWebhooksCommand.Result.self, from: output)
    }

    /// Stops the server.
    func stop() { process.stop() }

    /// The events in the database of the stopped server, and those that are applied.
    func events() async throws -> (stored: Int, settled: Int) {
        let server = try await BenchServer(folder: folder.path(percentEncoded: false), logLevel: .error)
        let counts = try await server.app.database.read { transaction in
            (
                stored: Int(try transaction.count("SELECT COUNT(*) AS count FROM provider_events")),
                settled: Int(
                    try transaction.count("SELECT COUNT(*) AS count FROM provider_events WHERE state <> 'received'"))
            )
        }
        await server.app.close()
        return counts
    }
}

/// Events of the provider that wait to be applied, with the job of all of them.
enum EventBacklog {
    static func insert(_ count: Int, into database: any Database) async throws {
        guard count > 0 else { return }
        let id = NumberedRows.text("0190c0de-0000-7000-8020-", "n")
        try await NumberedRows.insert(0..<count, into: database) { numbers, transaction in
            let now = transaction.now
            try transaction.execute(
                numbers + """
                    INSERT INTO provider_events (
                        id, account, event_id, type, kind, object_id, created_at, source, state, received_at,
                        retry_until, is_waiting
                    )
                    SELECT \(id), '', \(NumberedRows.text("evt_1Wait", "n")), 'payment_intent.succeeded',
                        'payment_intent', \(NumberedRows.text("pi_3Wait", "n")), \(now), 'webhook', 'received', \(now),
                        \(now + .hours(72)), 1
                    FROM numbers
                    """)
        }
        let kind = "billing.apply-waiting-provider-events"
        try await database.write { transaction in
            try transaction.execute(
                """
                INSERT INTO jobs (
                    id, kind, lane, payload, unique_key, priority, state, run_at, maximum_attempts, created_at
                )
                VALUES (
                    '0190c0de-0000-7000-8021-000000000000', \(kind), 'outbound', '{}', \(kind), 100, 'available',
                    \(transaction.now), 20, \(transaction.now)
                )
                """)
        }
    }
}
