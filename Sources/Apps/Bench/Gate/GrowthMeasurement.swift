import Foundation

/// Whether a reservation costs more in a large database than in a small one.
struct GrowthMeasurement {
    let effort: Effort
    let scratch: URL
    let wrk: Wrk

    struct Result: Sendable {
        let database: String
        let small: Effort.History
        let large: Effort.History
        let smallMicroseconds: Double
        let largeMicroseconds: Double
        var ratio: Double { largeMicroseconds / smallMicroseconds }
    }

    private static let connections = 64

    /// Measures a database of each size, in turn.
    func run(_ database: String, cluster: PostgresCluster?, on affinity: Child.Affinity) async throws -> Result {
        var servers: [GateServer] = []
        defer { servers.forEach { $0.stop() } }
        for size in [effort.smallHistory, effort.largeHistory] {
            let name = "growth-\(servers.count)-\(database == GateServer.sqlite ? "sqlite" : "postgres")"
            let folder = scratch.appending(path: name, directoryHint: .isDirectory)
            let isPostgres = database == GateServer.postgres
            let url = isPostgres ? try await cluster?.createDatabase(name.replacing("-", with: "_")) : nil
            try SeedCommand.seed(
                folder, database: url, accounts: 1, settled: size.settled, organisations: size.organisations)
            servers.append(
                try await GateServer(
                    database, .gatehouse, calls: [.reservationInMany], in: folder, database: url,
                    of: isPostgres ? cluster?.process : nil, on: affinity))
        }
        var costs = servers.map { _ in [Double]() }
        for _ in 0...effort.rounds {
            for (index, server) in servers.enumerated() {
                let sample = try await server.measure(
                    .reservationInMany, wrk, connections: Self.connections, seconds: effort.roundSeconds)
                costs[index].append(sample.totalMicroseconds)
            }
        }
        // The first round fills caches.
        let medians = costs.map { $0.dropFirst().median }
        return Result(
            database: database, small: effort.smallHistory, large: effort.largeHistory, smallMicroseconds: medians[0],
            largeMicroseconds: medians[1])
    }
}
