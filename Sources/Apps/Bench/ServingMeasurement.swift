import Client
import Foundation

/// Requests a second, latency and processor time of the servers beside one another, and the durable writes beside the disk's own rate. Rounds of everything
/// are interleaved, so that a slow minute of the machine falls on all alike.
struct ServingMeasurement {
    let effort: Effort
    let scratch: URL

    private static let connections = [1, 64, 256]
    private static let busy = 256

    func run(calls: Bool, writes: Bool) async throws -> [Table] {
        let hasTwo = Machine.cores > 1
        let apart = try await Scene(
            loops: 1, server: hasTwo ? .core(0) : .anywhere, client: hasTwo ? .core(1) : .anywhere,
            in: scratch.appending(path: "apart"))
        defer { apart.stop() }
        let together = try await Scene(
            loops: Machine.cores, server: .anywhere, client: .anywhere, in: scratch.appending(path: "together"))
        defer { together.stop() }

        var sums = Sums()
        for round in 0..<effort.rounds {
            if calls {
                for connections in Self.connections {
                    for target in Target.allCases {
                        try apart.measure(target, connections, effort.roundSeconds, into: &sums.apart)
                    }
                }
            }
            for target in Target.allCases where target != .nio {
                try await together.measureGroups(target, Self.busy, effort.roundSeconds, into: &sums)
            }
            let folder = scratch.appending(path: "writes-\(round)")
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            sums.writes.append(
                try Child.result(of: ["write", "--folder", folder.path, "--seconds", "\(effort.roundSeconds)"]))
            try FileManager.default.removeItem(at: folder)
        }
        var tables: [Table] = []
        if calls {
            tables.append(
                table(
                    "One core for the server, another for the client", sums.apart, Self.connections,
                    note: "× hello: requests a second beside bare Hummingbird's, at as many connections.")
            )
        }
        tables.append(
            table("All cores shared by the server, its writer and the client", sums.together, [Self.busy], note: ""))
        if writes { tables.append(writeTable(sums)) }
        tables.append(goals(sums, calls: calls))
        return tables
    }

    private func table(_ title: String, _ samples: [Cell: [Sample]], _ connections: [Int], note: String) -> Table {
        var table = Table(
            title, ["call", "connections", "requests/s", "× hello", "p50 ms", "p99 ms", "CPU µs/request"])
        table.note = note
        for target in Target.allCases {
            for count in connections {
                guard let all = samples[Cell(target, count)] else { continue }
                let hello = samples.rate(.hummingbird, count)
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

    private func writeTable(_ sums: Sums) -> Table {
        var table = Table("Durable writes on the same disk, in the same rounds", ["what", "a second", "× one by one"])
        let plain = sums.writes.map(\.plain).median
        func row(_ name: String, _ rate: Double) { table.rows.append([name, rate.shown(), (rate / plain).asRatio]) }
        row("single-row transactions, one caller, plain SQLite", plain)
        row("units spent, one caller, in process", sums.writes.map(\.one).median)
        row("units spent, 256 callers, in process", sums.writes.map(\.many).median)
        row("gated calls that spend, 256 connections, over HTTP", sums.together.rate(.spending, Self.busy))
        row(
            "gated calls that reserve and commit, 256 connections, over HTTP",
            sums.together.rate(.reservation, Self.busy))
        let (p50, p99) = (sums.writes.map(\.syncP50).median, sums.writes.map(\.syncP99).median)
        table.note =
            "A page written and synchronised takes \(p50.shown()) µs (p99 \(p99.shown())). Under the last two a COMMIT serves \(sums.groups.median.shown()) calls."
        return table
    }

    private func goals(_ sums: Sums, calls: Bool) -> Table {
        var table = Table("Goals", ["what", "to reach", "is"])
        if calls {
            let profile = [64, 256].map { sums.apart.rate(.profile, $0) / sums.apart.rate(.hummingbird, $0) }
            table.rows.append([
                "signed-in profile beside bare Hummingbird, 64 connections", "0.75 ×", profile[0].asRatio,
            ])
            table.rows.append([
                "signed-in profile beside bare Hummingbird, 256 connections", "0.75 ×", profile[1].asRatio,
            ])
        }
        let durable = sums.together.rate(.spending, Self.busy) / sums.writes.map(\.plain).median
        table.rows.append([
            "durable gated calls beside single transactions, 256 connections", "5.00 ×", durable.asRatio,
        ])
        return table
    }
}

/// What is called.
private enum Target: CaseIterable {
    case nio, hummingbird, health, verify, profile, spending, reservation

    var title: String {
        switch self {
        case .nio: "bare SwiftNIO, hello"
        case .hummingbird: "bare Hummingbird, hello"
        case .health: "GET /health"
        case .verify: "GET /v1/auth/verify, signed in"
        case .profile: "GET /v1/auth/profile, signed in, read"
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

    var call: (method: String, path: String, isSignedIn: Bool) {
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

private struct Sums {
    var apart: [Cell: [Sample]] = [:]
    var together: [Cell: [Sample]] = [:]
    var writes: [WriteRates] = []
    /// Calls that shared a COMMIT.
    var groups: [Double] = []
}

extension [Cell: [Sample]] {
    fileprivate func rate(_ target: Target, _ connections: Int) -> Double {
        (self[Cell(target, connections)] ?? []).map(\.perSecond).median
    }
}

/// All servers, running, with accounts to call them as.
private struct Scene {
    private struct Running {
        let child: Child
        let url: String
    }

    private var servers: [ServeCommand.Kind: Running] = [:]
    private let wrk: Wrk
    private let tokens: URL

    /// Accounts that take turns: as many rows of people, sessions and counters.
    private static let accounts = 64

    init(loops: Int, server: Child.Place, client: Child.Place, in folder: URL) async throws {
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        wrk = try Wrk(scratch: folder, on: client)
        tokens = folder.appending(path: "tokens")
        for kind in ServeCommand.Kind.allCases {
            let own = folder.appending(path: "\(kind)")
            try FileManager.default.createDirectory(at: own, withIntermediateDirectories: true)
            let child = try Child.own(["serve", "\(kind)", "--folder", own.path, "--loops", "\(loops)"], on: server)
            servers[kind] = Running(child: child, url: "http://127.0.0.1:\(try await Child.port(in: own))")
        }
        try await Accounts.make(Self.accounts, at: url(of: .health), plan: BenchServer.plan)
            .joined(separator: "\n").write(to: tokens, atomically: true, encoding: .utf8)
    }

    func stop() { servers.values.forEach { $0.child.stop() } }

    func measure(_ target: Target, _ connections: Int, _ seconds: Int, into samples: inout [Cell: [Sample]]) throws {
        guard let child = servers[target.server]?.child else { return }
        let (method, path, isSignedIn) = target.call
        let before = child.processorSeconds
        let figures = try wrk.run(
            method, url(of: target) + path, tokens: isSignedIn ? tokens : nil, connections: connections,
            seconds: seconds)
        samples[Cell(target, connections), default: []].append(
            Sample(
                perSecond: figures.perSecond,
                p50: figures.p50Milliseconds,
                p99: figures.p99Milliseconds,
                processorMicroseconds: (child.processorSeconds - before) / figures.requests * 1e6
            )
        )
    }

    func measureGroups(_ target: Target, _ connections: Int, _ seconds: Int, into sums: inout Sums) async throws {
        let writes = target == .spending || target == .reservation
        guard writes else { return try measure(target, connections, seconds, into: &sums.together) }
        let before = try await groups()
        try measure(target, connections, seconds, into: &sums.together)
        let after = try await groups()
        sums.groups.append((after.jobs - before.jobs) / (after.groups - before.groups))
    }

    /// COMMITs so far and the writes in them, by the server's own figures.
    private func groups() async throws -> (groups: Double, jobs: Double) {
        let client = Client(baseURL: url(of: .health))
        let response = try await client.get("/metrics")
        await client.shutDown()
        func figure(_ name: String) -> Double {
            let line = response.text.split(separator: "\n").first { $0.hasPrefix("gatehouse_database_\(name) ") }
            return line?.split(separator: " ").last.flatMap { Double($0) } ?? .nan
        }
        return (figure("sqlite_commit_groups_total"), figure("sqlite_commit_writes_total"))
    }

    private func url(of target: Target) -> String { servers[target.server]?.url ?? "" }
}
