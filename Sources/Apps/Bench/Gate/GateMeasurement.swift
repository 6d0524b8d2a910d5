import Foundation

/// What the gate costs: reads behind all of its requirements and durable units, on both databases, beside bare HTTP
/// servers and the peers of other languages. The server has one core and the client another; rounds of all servers are
/// interleaved.
struct GateMeasurement {
    let effort: Effort
    let scratch: URL
    let peers: [Peer]

    private static let connections = [64, 256]
    private static let organisations = 1_000

    private static var server: Child.Affinity { Machine.cores > 1 ? .core(0) : .all }
    private static var client: Child.Affinity { Machine.cores > 1 ? .core(1) : .all }

    /// - Returns: the tables, and whether the allocations are within ``AllocationBudget``.
    func run() async throws -> (tables: [Table], isWithinBudget: Bool) {
        let cluster = try PostgresCluster.start(port: Machine.port(1), on: .first(2))
        defer { cluster?.stop() }
        let wrk = try Wrk(scratch: scratch, on: Self.client)
        var samples = GateSamples()
        var allocations: [(call: GateCall, accepted: Double, measured: Double)] = []

        do {
            let (servers, missing) = try await startServers(cluster)
            defer { servers.forEach { $0.stop() } }
            samples.missing = missing
            for _ in 0..<effort.rounds {
                for connections in Self.connections {
                    for server in servers {
                        for call in server.calls {
                            let sample = try await server.measure(
                                call, wrk, connections: connections, seconds: effort.roundSeconds)
                            samples.add(sample, of: server.name, call, connections)
                        }
                    }
                }
            }
            for server in servers where server.name == GateServer.sqlite {
                for (call, accepted) in AllocationBudget.requests {
                    let measured = try await server.allocations(of: call, wrk, seconds: effort.roundSeconds)
                    allocations.append((call, accepted, measured))
                }
            }
        }

        var growth: [GrowthMeasurement.Result] = []
        for database in GateServer.databases where database == GateServer.sqlite || cluster != nil {
            growth.append(
                try await GrowthMeasurement(effort: effort, scratch: scratch, wrk: wrk).run(
                    database, cluster: cluster, on: Self.server))
        }
        let sync = try DiskSync(folder: scratch.path).times(seconds: Double(effort.roundSeconds) / 2)
        let report = GateReport(samples: samples, growth: growth, peers: peers, syncMicroseconds: sync.p50)
        return (
            report.tables(connections: Self.connections) + [allocationTable(allocations)],
            allocations.allSatisfy { AllocationBudget.isWithin($0.measured, of: $0.accepted) }
        )
    }

    /// Starts the baselines, the system on each database that is installed, and the peers.
    private func startServers(_ cluster: PostgresCluster?) async throws -> (running: [GateServer], missing: [String]) {
        var (running, missing): ([GateServer], [String]) = ([], [])
        do {
            running.append(
                try await GateServer(
                    GateServer.nio, .nio, calls: [.hello], in: folder("nio"), on: Self.server))
            running.append(
                try await GateServer(
                    GateServer.hummingbird, .hummingbird, calls: [.hello], in: folder("hummingbird"), on: Self.server))
            running.append(
                try await system(
                    GateServer.sqlite, calls: [.health] + GateCall.reads + GateCall.writes, in: folder("sqlite")))
            if let cluster {
                running.append(
                    try await system(
                        GateServer.postgres, calls: [.gated, .usage] + GateCall.writes, in: folder("postgres"),
                        database: try await cluster.createDatabase("gate"), of: cluster))
            } else {
                missing.append(GateServer.postgres)
            }
            for (number, peer) in peers.enumerated() {
                let server = try await GateServer(
                    peer, port: Machine.port(2 + number), in: folder("peer-\(number)"), on: Self.server)
                if let server { running.append(server) } else { missing.append(peer.name) }
            }
        } catch {
            running.forEach { $0.stop() }
            throw error
        }
        return (running, missing)
    }

    private func system(
        _ name: String, calls: [GateCall], in folder: URL, database: String? = nil, of cluster: PostgresCluster? = nil
    ) async throws -> GateServer {
        try SeedCommand.seed(folder, database: database, accounts: Self.organisations)
        return try await GateServer(
            name, .gatehouse, calls: calls, in: folder, database: database, of: cluster?.process, on: Self.server)
    }

    private func folder(_ name: String) -> URL { scratch.appending(path: "gate-\(name)", directoryHint: .isDirectory) }

    private func allocationTable(_ all: [(call: GateCall, accepted: Double, measured: Double)]) -> Table {
        var table = Table(
            "Memory allocations of a request, SQLite, one caller", ["request", "accepted", "measured", "change"])
        for (call, accepted, measured) in all {
            let change = (measured / accepted - 1) * 100
            table.rows.append([
                call.title, accepted.shown(), measured.shown(),
                (change >= 0 ? "+" : "") + change.shown(1) + " %"
                    + (AllocationBudget.isWithin(measured, of: accepted) ? "" : ", too much"),
            ])
        }
        table.note =
            "A change of more than \((AllocationBudget.tolerance * 100).shown()) % ends the bench with status 1: write "
            + "the new number to AllocationBudget.swift."
        return table
    }
}
