import App
import Client
import Foundation
import Modules

/// The temporary server of a tour, in this process, on a TCP port.
struct TourServer: Sendable {
    let databaseURL: String?
    let port: Int
    let isVerbose: Bool
    /// Changes the settings of the server.
    var change: @Sendable (inout Configuration) -> Void = { _ in }

    /// Starts the server, runs `tour`, and removes the server's database and files.
    /// - Throws: ``Failure``; what `tour` throws.
    func run(_ tour: @escaping @Sendable (App, Client) async throws -> Void) async throws {
        try await TemporaryFolder.with { folder in
            let folder = folder.path(percentEncoded: false)
            guard let databaseURL else { return try await run(on: "sqlite:\(folder)/gatehouse.db", in: folder, tour) }
            try await TourSchema(databaseURL: databaseURL).use { try await run(on: $0, in: folder, tour) }
        }
    }

    private func run(
        on databaseURL: String, in folder: String, _ tour: @escaping @Sendable (App, Client) async throws -> Void
    ) async throws {
        var configuration = Configuration()
        configuration.limitsRates = false
        configuration.port = port
        configuration.dataFolder = folder
        configuration.databaseURL = databaseURL
        configuration.logFormat = .text
        configuration.logLevel = isVerbose ? .info : .error
        change(&configuration)
        let log = isVerbose ? LogOutput.standard : LogOutput(keepsLines: true)
        let app = try await buildApp(configuration, in: AppDependencies(logOutput: log))
        do {
            try await serve(app) { app, client in
                do { try await tour(app, client) } catch {
                    // The server's log may hold the cause.
                    log.lines.suffix(5).forEach { Terminal.printError($0.trimmingCharacters(in: .newlines)) }
                    throw error
                }
            }
        } catch let fault as ClientError {
            throw Failure("The tour's server does not respond; it may have been stopped. \(fault)")
        } catch {
            throw Failure.listening(on: configuration, error) ?? error
        }
    }

    /// Runs the server and the tour at the same time; the first of them that ends cancels the other.
    private func serve(_ app: App, _ tour: @escaping @Sendable (App, Client) async throws -> Void) async throws {
        let (ports, running) = AsyncStream.makeStream(of: Int.self)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                try await app.serve { port in
                    running.yield(port)
                    running.finish()
                }
                // Only a signal ends the server before the tour has ended.
                throw Failure("The tour was interrupted.")
            }
            group.addTask {
                for await port in ports {
                    let client = Client(baseURL: "http://127.0.0.1:\(port)")
                    try await attempt {
                        try await tour(app, client)
                    } finally: {
                        await client.shutDown()
                    }
                }
            }
            let first = await group.nextResult()
            group.cancelAll()
            // Waits until the server has closed its database; its cancellation is no error.
            _ = await group.nextResult()
            try first?.get()
        }
    }
}
