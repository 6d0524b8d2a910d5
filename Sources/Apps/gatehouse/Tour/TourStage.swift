import App
import Client
import Foundation
import Modules

/// The throw-away server of a tour: a process within the process, reached through a real port.
struct TourStage: Sendable {
    let databaseURL: String?
    let port: Int
    let isVerbose: Bool

    /// Runs `walk` against a server that is there until it returns, and leaves nothing behind.
    func run(_ walk: @escaping @Sendable (App, Client) async throws -> Void) async throws {
        try await Scratch.withFolder { folder in
            guard let databaseURL else { return try await run(on: "sqlite:\(folder)/gatehouse.db", in: folder, walk) }
            try await TourSchema(databaseURL: databaseURL).use { try await run(on: $0, in: folder, walk) }
        }
    }

    private func run(
        on databaseURL: String, in folder: String, _ walk: @escaping @Sendable (App, Client) async throws -> Void
    ) async throws {
        var configuration = Configuration()
        configuration.limitsRates = false
        configuration.port = port
        configuration.dataFolder = folder
        configuration.databaseURL = databaseURL
        configuration.logFormat = .text
        configuration.logLevel = isVerbose ? .info : .error
        let log = isVerbose ? LogOutput.standard : LogOutput(keepsLines: true)
        let app = try await buildApp(configuration, in: AppDependencies(logOutput: log))
        do {
            try await serve(app) { app, client in
                do { try await walk(app, client) } catch {
                    // What the server itself had to say about it, if anything.
                    log.lines.suffix(5).forEach { Terminal.note($0.trimmingCharacters(in: .newlines)) }
                    throw error
                }
            }
        } catch let fault as ClientError {
            throw Failure("The tour's server is gone; was it stopped? \(fault)")
        } catch {
            throw Failure.listening(on: configuration, error) ?? error
        }
    }

    /// The server and the walk run side by side; whichever ends first ends the other.
    private func serve(_ app: App, _ walk: @escaping @Sendable (App, Client) async throws -> Void) async throws {
        let (ports, running) = AsyncStream.makeStream(of: Int.self)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                try await app.serve { port in
                    running.yield(port)
                    running.finish()
                }
                // Only a signal ends the server before the walk is over.
                throw Failure("The tour was broken off.")
            }
            group.addTask {
                for await port in ports {
                    let client = Client(baseURL: "http://127.0.0.1:\(port)")
                    do { try await walk(app, client) } catch {
                        await client.shutDown()
                        throw error
                    }
                    await client.shutDown()
                }
            }
            let first = await group.nextResult()
            group.cancelAll()
            // The server closes its database before it is over; that it was cancelled is no news.
            _ = await group.nextResult()
            try first?.get()
        }
    }
}
