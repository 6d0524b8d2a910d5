import App
import Base
import Client
import Foundation
import Modules
import TestKit
import Testing

/// An installation whose servers run in processes of their own, which a test kills under load.
struct KilledInstallation {
    let data: URL
    let place: TestDatabaseLocation

    /// A `BASE_URL`: tokens name it as their issuer, whichever port a server gets.
    private static let baseURL = "http://localhost:8000"
    private static let clients = 8

    /// The installation in this process, which prepares accounts and keys.
    func open() async throws -> TestApp {
        var configuration = Configuration()
        configuration.dataFolder = data.path()
        configuration.databaseURL = place.configurationURL
        configuration.baseURL = Self.baseURL
        configuration.bcryptRounds = 4
        configuration.accessTokenLifetime = .hours(12)
        let log = LogOutput(keepsLines: true)
        let app = try await buildApp(configuration, in: AppDependencies(logOutput: log))
        return TestApp(app: app, clock: TestClock(Runtime.system.now()), engine: place.engine, log: log)
    }

    func start() async throws -> ServerProcess {
        try await ServerProcess.start(
            folder: data, database: place.configurationURL, environment: ["BASE_URL": Self.baseURL])
    }

    /// Sends changes without a pause over several connections until the server is killed.
    /// - Parameter change: sends one, and yields it once it is acknowledged. Its name is its own, its number counts
    ///   those of its connection. It returns false where it was refused, and throws where the server is gone.
    /// - Returns: the acknowledged changes, which end after those of all connections.
    func changes<Change: Sendable>(
        to server: ServerProcess, named name: String,
        _ change:
            @escaping @Sendable (
                _ name: String, _ number: Int, _ connection: Client, _ acknowledged: AsyncStream<Change>.Continuation
            ) async throws -> Bool
    ) -> AsyncStream<Change> {
        let (stream, continuation) = AsyncStream.makeStream(of: Change.self)
        Task {
            await withTaskGroup(of: Void.self) { group in
                for client in 0..<Self.clients {
                    group.addTask {
                        let connection = Client(baseURL: server.baseURL, connections: 1)
                        var number = 1
                        while (try? await change("\(name)-\(client)-\(number)", number, connection, continuation))
                            == true
                        {
                            number += 1
                        }
                        await connection.shutDown()
                    }
                }
            }
            continuation.finish()
        }
        return stream
    }

    /// Reserves a unit, and commits or releases it.
    /// - Parameter acknowledge: called when the reservation was acknowledged.
    /// - Returns: false where it was refused.
    static func reserve(
        _ operation: String, _ number: Int, on connection: Client, by headers: [String: String],
        acknowledge: () -> Void
    ) async throws -> Bool {
        let path = "/v1/entitlements/reservations"
        let held = try await connection.post(
            path, ["meter": "workflows", "operation": .string(operation)], headers: headers)
        guard held.status == 201, let id = held.json?["id"]?.string else {
            Issue.record("\(held.status) \(held.text)")
            return false
        }
        acknowledge()
        _ = try await connection.post(
            "\(path)/\(id)/\(number.isMultiple(of: 2) ? "commit" : "release")", headers: headers)
        return true
    }

    /// The operations that have a reservation.
    static func reservedOperations(in transaction: Transaction) throws -> Set<String> {
        let keys = try transaction.all("SELECT operation_key FROM reservations") {
            try $0["operation_key"] as String
        }
        return Set(keys.compactMap { $0.split(separator: "/").last.map(String.init) })
    }
}
