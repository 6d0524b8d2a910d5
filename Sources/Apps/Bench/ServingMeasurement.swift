import Client
import Foundation

/// Requests a second, latency and processor time of Gatehouse and its baselines, and durable writes beside the disk's
/// rate. Rounds of all targets are interleaved, so that a slow minute of the machine affects all of them.
struct ServingMeasurement {
    let effort: Effort
    let scratch: URL

    private static let connections = [1, 64, 256]
    private static let busy = 256

    func run(requests: Bool, writes: Bool) async throws -> [Table] {
        let hasTwo = Machine.cores > 1
        let apart = try await ServerGroup(
            loops: 1, server: hasTwo ? .core(0) : .all, client: hasTwo ? .core(1) : .all,
            in: scratch.appending(path: "apart"))
        defer { apart.stop() }
        let together = try await ServerGroup(
            loops: Machine.cores, server: .all, client: .all, in: scratch.appending(path: "together"))
        defer { together.stop() }

        var samples = Samples()
        for round in 0..<effort.rounds {
            if requests {
                for connections in Self.connections {
                    for target in Target.allCases {
                        try apart.measure(target, connections, effort.roundSeconds, into: &samples.apart)
                    }
                }
            }
            for target in Target.allCases where target != .nio {
                try await together.measureGroups(target, Self.busy, effort.roundSeconds, into: &samples)
            }
            let folder = scratch.appending(path: "writes-\(round)")
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            samples.writes.append(
                try Child.result(of: ["write", "--folder", folder.path, "--seconds", "\(effort.roundSeconds)"]))
            try FileManager.default.removeItem(at: folder)
        }
        var tables: [Table] = []
        if requests {
            tables.append(
                table(
                    "One core for the server, another for the client", samples.apart, Self.connections,
                    note: "× hello: requests a second divided by those of bare Hummingbird at as many connections.")
            )
        }
        tables.append(
            table("All cores shared by the server, its writer and the client", samples.together, [Self.busy], note: ""))
        if writes { tables.append(writeTable(samples)) }
        tables.append(goals(samples, requests: requests))
        return tables
    }

    private func table(_ title: String, _ cells: [Cell: [Sample]], _ connections: [Int], note: String) -> Table {
        var table = Table(
            title, ["request", "connections", "requests/s", "× hello", "p50 ms", "p99 ms", "CPU µs/request"])
        table.note = note
        for target in Target.allCases {
            for count in connections {
                guard let all = cells[Cell(target, count)] else { continue }
                let hello = cells.rate(.hummingbird, count)
                table.rows.append([
                    target.title, "\(count)", all.map(\.perSecond).median.shown(),
                    (all.map(\.perSecond).median / hello).asRatio,
                    all.map(\.p50).median.shown(2), all.map(\.p99).median.shown(2),
                    all.map(\.processorMicroseconds).median.shown(1),
                ])
            }
        }
        return table
    }

    private func writeTable(_ samples: Samples) -> Table {
        var table = Table(
            "Durable writes on the same disk, in the same rounds", ["operation", "a second", "× plain SQLite"])
        let plain = samples.writes.map(\.plain).median
        func row(_ name: String, _ rate: Double) { table.rows.append([name, rate.shown(), (rate / plain).asRatio]) }
        row("single-row transactions, one caller, plain SQLite", plain)
        row("units spent, one caller, in process", samples.writes.map(\.one).median)
        row("units spent, 256 callers, in process", samples.writes.map(\.many).median)
        row("gated requests that spend, 256 connections, over HTTP", samples.together.rate(.spending, Self.busy))
        row(
            "gated requests that reserve and commit, 256 connections, over HTTP",
            samples.together.rate(.reservation, Self.busy))
        let (p50, p99) = (samples.writes.map(\.syncP50).median, samples.writes.map(\.syncP99).median)
        table.note =
            "A write and fdatasync of a page takes \(p50.shown()) µs (p99 \(p99.shown())). "
            + "In the last two rows a COMMIT serves \(samples.groups.median.shown()) requests."
        return table
    }

    private func goals(_ samples: Samples, requests: Bool) -> Table {
        var table = Table("Goals", ["ratio", "goal", "measured"])
        if requests {
            let profile = [64, 256].map { samples.apart.rate(.profile, $0) / samples.apart.rate(.hummingbird, $0) }
            table.rows.append([
                "authenticated profile to bare Hummingbird, 64 connections", "0.75 ×", profile[0].asRatio,
            ])
            table.rows.append([
                "authenticated profile to bare Hummingbird, 256 connections", "0.75 ×", profile[1].asRatio,
            ])
        }
        let durable = samples.together.rate(.spending, Self.busy) / samples.writes.map(\.plain).median
        table.rows.append([
            "durable gated requests to single transactions, 256 connections", "5.00 ×", durable.asRatio,
        ])
        return table
    }
}

/// The measured endpoints.
private enum Target: CaseIterable {
    case nio, hummingbird, health, verify, profile, spending, reservation

    var title: String {
        switch self {
        case .nio: "bare SwiftNIO, hello"
        case .hummingbird: "bare Hummingbird, hello"
        case .health: "GET /health"
        case .verify: "GET /v1/auth/verify, authenticated"
        case .profile: "GET /v1/auth/profile, authenticated, one read"
        case .spending: "POST, gated, a unit spent durably"
        case .reservation: "POST, gated, a unit reserved and committed durably"
        }
    }

    var server: ServeCommand.Kind {
        switch self {
        case .nio: .nio
        case .hummingbird: .hummingbird
        case .health, .verify, .profile, .spending, .reservation: .gatehouse
        }
    }

    var request: (method: String, path: String, isAuthenticated: Bool) {
        switch self {
        case .nio, .hummingbird: ("GET", "/hello", false)
        case .health: ("GET", "/health", false)
        case .verify: ("GET", "/v1/auth/verify", true)
        case .profile: ("GET", "/v1/auth/profile", true)
        case .spending: ("POST", "/v1/bench/spending", true)
        case .reservation: ("POST", "/v1/bench/reservation", true)
        }
    }
}

private struct Cell: Hashable {
    let target: Target
    let connections: Int

    init(_ target: Target, _ connections: Int) {
        self.target = target
        self.connections = connections
    }
}

private struct Sample {
    var perSecond: Double
    var p50: Double
    var p99: Double
    var processorMicroseconds: Double
}

private struct Samples {
    var apart: [Cell: [Sample]] = [:]
    var together: [Cell: [Sample]] = [:]
    var writes: [WriteRates] = []
    /// Requests a COMMIT.
    var groups: [Double] = []
}

extension [Cell: [Sample]] {
    fileprivate func rate(_ target: Target, _ connections: Int) -> Double {
        (self[Cell(target, connections)] ?? []).map(\.perSecond).median
    }
}

/// The running servers, with registered accounts.
private struct ServerGroup {
    private struct Running {
        let child: Child
        let url: String
    }

    private var servers: [ServeCommand.Kind: Running] = [:]
    private let wrk: Wrk
    private let tokens: URL

    /// Accounts that requests use in turn, so that they touch as many rows of accounts, sessions and counters.
    private static let accounts = 64

    init(loops: Int, server: Child.Affinity, client: Child.Affinity, in folder: URL) async throws {
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        wrk = try Wrk(scratch: folder, on: client)
        tokens = folder.appending(path: "tokens")
        for kind in ServeCommand.Kind.allCases {
            let own = folder.appending(path: "\(kind)")
            try FileManager.default.createDirectory(at: own, withIntermediateDirectories: true)
            let child = try Child.own(["serve", "\(kind)", "--folder", own.path, "--loops", "\(loops)"], on: server)
            servers[kind] = Running(child: child, url: "http://127.0.0.1:\(try await Child.port(in: own))")
        }
        try await Accounts.register(Self.accounts, at: url(of: .health), plan: BenchServer.plan)
            .joined(separator: "\n").write(to: tokens, atomically: true, encoding: .utf8)
    }

    func stop() { servers.values.forEach { $0.child.stop() } }

    func measure(_ target: Target, _ connections: Int, _ seconds: Int, into cells: inout [Cell: [Sample]]) throws {
        guard let child = servers[target.server]?.child else { return }
        let (method, path, isAuthenticated) = target.request
        let before = child.processorSeconds
        let metrics = try wrk.run(
            method, url(of: target) + path, as: isAuthenticated ? .tokens(tokens) : .none, connections: connections,
            seconds: seconds)
        cells[Cell(target, connections), default: []].append(
            Sample(
                perSecond: metrics.perSecond,
                p50: metrics.p50Milliseconds,
                p99: metrics.p99Milliseconds,
                processorMicroseconds: (child.processorSeconds - before) / metrics.requests * 1e6
            )
        )
    }

    func measureGroups(_ target: Target, _ connections: Int, _ seconds: Int, into samples: inout Samples) async throws {
        let writes = target == .spending || target == .reservation
        guard writes else { return try measure(target, connections, seconds, into: &samples.together) }
        let before = try await groups()
        try measure(target, connections, seconds, into: &samples.together)
        let after = try await groups()
        samples.groups.append((after.jobs - before.jobs) / (after.groups - before.groups))
    }

    /// COMMITs so far and the writes in them, by the server's metrics.
    private func groups() async throws -> (groups: Double, jobs: Double) {
        let client = Client(baseURL: url(of: .health))
        let response = try await client.get("/metrics")
        await client.shutDown()
        func metric(_ name: String) -> Double {
            let line = response.text.split(separator: "\n").first { $0.hasPrefix("gatehouse_database_\(name) ") }
            return line?.split(separator: " ").last.flatMap { Double($0) } ?? .nan
        }
        return (metric("sqlite_commit_groups_total"), metric("sqlite_commit_writes_total"))
    }

    private func url(of target: Target) -> String { servers[target.server]?.url ?? "" }
}
