import Base
import Client
import Foundation

/// A running server of the gate's measurement.
struct GateServer: Sendable {
    let name: String
    /// What it is asked for.
    let calls: [GateCall]
    let url: String
    private let process: Child
    private let fixture: GateFixture
    /// PostgreSQL, whose processor time is reported beside the server's.
    private let database: Child?

    static let nio = "bare SwiftNIO"
    static let hummingbird = "bare Hummingbird"
    static let sqlite = "Gatehouse, SQLite"
    static let postgres = "Gatehouse, PostgreSQL"
    static let databases = [sqlite, postgres]

    /// Starts a server of this program, and waits until it listens.
    /// - Parameters:
    ///   - folder: of the server; that of ``SeedCommand`` for the system.
    ///   - database: the value of `DATABASE_URL`; SQLite in the folder by default.
    init(
        _ name: String, _ kind: ServeCommand.Kind, calls: [GateCall], in folder: URL, database: String? = nil,
        of cluster: Child? = nil, loops: Int = 1, on affinity: Child.Affinity
    ) async throws {
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        var arguments = ["serve", "\(kind)", "--folder", folder.path, "--loops", "\(loops)"]
        if kind == .gatehouse { arguments.append("--limits-rates") }
        if let database { arguments += ["--database", database] }
        let process = try Child.own(arguments, on: affinity)
        do { url = "http://127.0.0.1:\(try await Child.port(in: folder))" } catch {
            process.stop()
            throw error
        }
        (self.name, self.calls, self.process, self.database) = (name, calls, process, cluster)
        fixture = GateFixture(folder: folder)
    }

    /// Starts a peer, and waits at most 10 s until it answers.
    /// - Returns: nil where it does not: what it needs is not installed.
    init?(_ peer: Peer, port: Int, in folder: URL, on affinity: Child.Affinity) async throws {
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        name = peer.name
        calls = [.health, .peerRead, .peerWrite]
        url = "http://127.0.0.1:\(port)"
        fixture = GateFixture(folder: folder)
        database = nil
        process = try peer.start(port: port, tokens: fixture.tokens, on: affinity)
        guard await Self.answers(url, process) else {
            process.stop()
            return nil
        }
    }

    private static func answers(_ url: String, _ process: Child) async -> Bool {
        let client = Client(baseURL: url)
        var isRunning = false
        for _ in 0..<200 where process.isRunning {
            isRunning = (try? await client.get("/health"))?.isSuccess ?? false
            if isRunning { break }
            try? await Task.sleep(for: .milliseconds(50))
        }
        await client.shutDown()
        return isRunning
    }

    func stop() { process.stop() }

    func measure(_ call: GateCall, _ wrk: Wrk, connections: Int, seconds: Int) async throws -> GateSample {
        try await waitUntilIdle()
        let (before, databaseBefore) = (process.processorSeconds, database?.processorSecondsWithChildren)
        let metrics = try wrk.run(
            call.method, url + call.path, as: try credentials(of: call), connections: connections, seconds: seconds)
        let (after, databaseAfter) = (process.processorSeconds, database?.processorSecondsWithChildren)
        return GateSample(
            metrics: metrics,
            serverMicroseconds: (after - before) / metrics.requests * 1e6,
            databaseMicroseconds: ((databaseAfter ?? .nan) - (databaseBefore ?? .nan)) / metrics.requests * 1e6
        )
    }

    /// Memory allocations of a request of one caller: the smallest mean of several runs, because the jobs of the server
    /// allocate too.
    func allocations(of call: GateCall, _ wrk: Wrk, seconds: Int) async throws -> Double {
        // The first requests fill caches.
        _ = try await measure(call, wrk, connections: 1, seconds: 1)
        var smallest = Double.infinity
        for _ in 0..<3 {
            let before = try await allocations()
            let sample = try await measure(call, wrk, connections: 1, seconds: seconds)
            smallest = min(smallest, (try await allocations() - before) / sample.metrics.requests)
        }
        return smallest
    }

    /// Waits at most 5 s until the server has answered the last requests of the run before, for which wrk did not wait:
    /// their time is not that of the next run.
    private func waitUntilIdle() async throws {
        for _ in 0..<100 {
            let before = process.processorSeconds
            try await Task.sleep(for: .milliseconds(50))
            if process.processorSeconds == before { return }
        }
    }

    private func allocations() async throws -> Double {
        let client = Client(baseURL: url)
        let response = try? await client.get("/v1/bench/allocations")
        await client.shutDown()
        guard let count = response?.json?["count"]?.integer else { throw CocoaError(.fileReadUnknown) }
        return Double(count)
    }

    private func credentials(of call: GateCall) throws -> Wrk.Credentials {
        switch call.caller {
        case .anonymous: .none
        case .accounts: .tokens(fixture.tokens)
        case .serviceInOne: .serviceKey(try fixture.key(), organisations: fixture.organisation)
        case .serviceInMany: .serviceKey(try fixture.key(), organisations: fixture.organisations)
        }
    }
}

/// One round of a call.
struct GateSample: Sendable {
    let metrics: Wrk.Metrics
    /// Processor time of the server for one request.
    let serverMicroseconds: Double
    /// The same of PostgreSQL; NaN where the server does not use it.
    let databaseMicroseconds: Double

    var totalMicroseconds: Double {
        serverMicroseconds + (databaseMicroseconds.isFinite ? databaseMicroseconds : 0)
    }
}
