import Base
import Client
import Foundation

/// What signing in costs those who sign in, and those who do not.
struct IdentityMeasurement {
    let effort: Effort
    let scratch: URL

    /// Clients that sign in without a pause, each as somebody else.
    private static let signingIn = 8
    private static let connections = 64

    func run() async throws -> [Table] { [try refreshes(), try await neighbours()] }

    /// Refresh tokens traded beside the disk's own rate, in the same rounds.
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
            "Refresh tokens traded, each durable before its answer", ["what", "a second", "× one by one"])
        table.rows = [
            ["single-row transactions, one caller, plain SQLite", plain.shown(), (1.0).asRatio],
            ["refreshes, one session", rates.map(\.one).median.shown(), (rates.map(\.one).median / plain).asRatio],
            [
                "refreshes, 64 sessions at once", rates.map(\.many).median.shown(),
                (rates.map(\.many).median / plain).asRatio,
            ],
        ]
        table.note = "Each refresh signs an access token (RS256), which is most of its work."
        return table
    }

    /// Everybody else's latency while some sign in.
    private func neighbours() async throws -> Table {
        let folder = scratch.appending(path: "neighbours")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let server = try Child.own([
            "serve", "gatehouse", "--folder", folder.path, "--loops", "\(Machine.cores)", "--bcrypt-rounds", "12",
        ])
        defer { server.stop() }
        let url = "http://127.0.0.1:\(try await Child.port(in: folder))"
        let tokens = folder.appending(path: "tokens")
        try await Accounts.make(Self.signingIn, at: url).joined(separator: "\n").write(
            to: tokens, atomically: true, encoding: .utf8)
        let wrk = try Wrk(scratch: folder, on: .anywhere)
        func look() throws -> Wrk.Figures {
            try wrk.run(
                "GET", url + "/v1/auth/me", tokens: tokens, connections: Self.connections, seconds: effort.roundSeconds)
        }

        var (alone, beside, signIns): ([Wrk.Figures], [Wrk.Figures], [Double]) = ([], [], [])
        _ = try look()
        for _ in 0..<effort.rounds {
            alone.append(try look())
            let crowd = Crowd(Self.signingIn, at: url)
            let begin = ContinuousClock.now
            beside.append(try look())
            let time = (ContinuousClock.now - begin) / .seconds(1)
            signIns.append(Double(await crowd.end()) / time)
        }
        var table = Table("GET /v1/auth/me beside sign-ins, all cores shared", ["", "requests/s", "p50 ms", "p99 ms"])
        func row(_ name: String, _ figures: [Wrk.Figures]) -> [String] {
            [
                name, figures.map(\.perSecond).median.shown(), figures.map(\.p50Milliseconds).median.shown(2),
                figures.map(\.p99Milliseconds).median.shown(2),
            ]
        }
        let ratio = beside.map(\.p99Milliseconds).median / alone.map(\.p99Milliseconds).median
        table.rows = [
            row("alone", alone),
            row("while \(Self.signingIn) clients sign in", beside),
            ["to reach: p99 at most 3.00 ×", "", "", ratio.asRatio],
        ]
        table.note =
            "\(Self.connections) connections; bcrypt at 12, of which \(signIns.median.shown(1)) sign-ins a second were answered."
        return table
    }
}

/// People who sign in again and again until told to stop.
private struct Crowd {
    private let client: Client
    private let members: [Task<Int, Never>]

    init(_ count: Int, at url: String) {
        let client = Client(baseURL: url)
        self.client = client
        members = (0..<count).map { index in
            Task {
                var answered = 0
                while !Task.isCancelled {
                    let body: JSONValue = [
                        "email": .string(Accounts.address(index)), "password": .string(Accounts.password),
                    ]
                    if let response = try? await client.post("/v1/auth/login", body), response.isSuccess {
                        answered += 1
                    }
                }
                return answered
            }
        }
    }

    /// - Returns: how often all of them together were let in.
    func end() async -> Int {
        members.forEach { $0.cancel() }
        var answered = 0
        for member in members { answered += await member.value }
        await client.shutDown()
        return answered
    }
}
