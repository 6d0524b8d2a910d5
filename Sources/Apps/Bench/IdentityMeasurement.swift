import Base
import Client
import Foundation

/// The rate of refreshes, and the latency of other requests during sign-ins.
struct IdentityMeasurement {
    let effort: Effort
    let scratch: URL

    /// Clients that sign in without a pause, each with an account of its own.
    private static let signingIn = 8
    private static let connections = 64

    func run() async throws -> [Table] { [try refreshes(), try await requestsDuringSignIns()] }

    /// Refreshes a second, and single-row transactions of plain SQLite in the same rounds.
    private func refreshes() throws -> Table {
        var rates: [RefreshRates] = []
        for round in 0..<effort.rounds {
            let folder = scratch.appending(path: "refreshes-\(round)")
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            rates.append(
                try Child.result(of: ["refresh", "--folder", folder.path, "--seconds", "\(effort.roundSeconds)"]))
            try FileManager.default.removeItem(at: folder)
        }
        let plain = rates.map(\.plain).median
        var table = Table(
            "Refreshes, each durable before its response", ["operation", "a second", "× plain SQLite"])
        table.rows = [
            ["single-row transactions, one caller, plain SQLite", plain.shown(), (1.0).asRatio],
            ["refreshes, one session", rates.map(\.one).median.shown(), (rates.map(\.one).median / plain).asRatio],
            [
                "refreshes, 64 sessions at once", rates.map(\.many).median.shown(),
                (rates.map(\.many).median / plain).asRatio,
            ],
        ]
        table.note = "Each refresh signs an access token (RS256), which takes most of its time."
        return table
    }

    /// The latency of authenticated requests with and without concurrent sign-ins.
    private func requestsDuringSignIns() async throws -> Table {
        let folder = scratch.appending(path: "sign-ins")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let server = try Child.own([
            "serve", "gatehouse", "--folder", folder.path, "--loops", "\(Machine.cores)", "--bcrypt-rounds", "12",
        ])
        defer { server.stop() }
        let url = "http://127.0.0.1:\(try await Child.port(in: folder))"
        let tokens = folder.appending(path: "tokens")
        try await Accounts.register(Self.signingIn, at: url).joined(separator: "\n").write(
            to: tokens, atomically: true, encoding: .utf8)
        let wrk = try Wrk(scratch: folder, on: .all)
        func measure() throws -> Wrk.Metrics {
            try wrk.run(
                "GET", url + "/v1/auth/me", as: .tokens(tokens), connections: Self.connections,
                seconds: effort.roundSeconds)
        }

        var (alone, during, signIns): ([Wrk.Metrics], [Wrk.Metrics], [Double]) = ([], [], [])
        _ = try measure()
        for _ in 0..<effort.rounds {
            alone.append(try measure())
            let load = SignInLoad(Self.signingIn, at: url)
            let begin = ContinuousClock.now
            during.append(try measure())
            let time = (ContinuousClock.now - begin) / .seconds(1)
            signIns.append(Double(await load.stop()) / time)
        }
        var table = Table("GET /v1/auth/me during sign-ins, all cores shared", ["", "requests/s", "p50 ms", "p99 ms"])
        func row(_ name: String, _ metrics: [Wrk.Metrics]) -> [String] {
            [
                name, metrics.map(\.perSecond).median.shown(), metrics.map(\.p50Milliseconds).median.shown(2),
                metrics.map(\.p99Milliseconds).median.shown(2),
            ]
        }
        let ratio = during.map(\.p99Milliseconds).median / alone.map(\.p99Milliseconds).median
        table.rows = [
            row("alone", alone),
            row("while \(Self.signingIn) clients sign in", during),
            ["goal: p99 at most 3.00 ×", "", "", ratio.asRatio],
        ]
        table.note =
            "\(Self.connections) connections; bcrypt of cost 12; "
            + "\(signIns.median.shown(1)) successful sign-ins a second."
        return table
    }
}

/// Clients that sign in repeatedly until they are stopped.
private struct SignInLoad {
    private let client: Client
    private let tasks: [Task<Int, Never>]

    init(_ count: Int, at url: String) {
        let client = Client(baseURL: url)
        self.client = client
        tasks = (0..<count).map { index in
            Task {
                var successes = 0
                while !Task.isCancelled {
                    let body: JSONValue = [
                        "email": .string(Accounts.email(index)), "password": .string(Accounts.password),
                    ]
                    if let response = try? await client.post("/v1/auth/login", body), response.isSuccess {
                        successes += 1
                    }
                }
                return successes
            }
        }
    }

    /// - Returns: the number of successful sign-ins.
    func stop() async -> Int {
        tasks.forEach { $0.cancel() }
        var successes = 0
        for task in tasks { successes += await task.value }
        await client.shutDown()
        return successes
    }
}
