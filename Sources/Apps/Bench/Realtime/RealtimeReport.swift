/// The tables of the measurement of topics.
struct RealtimeReport {
    private struct Key: Hashable {
        let server: String
        let load: RealtimeLoad
    }

    let loads: [RealtimeLoad]
    /// The load of the goal of processor time.
    let burst: RealtimeLoad
    /// The load of the response time that is reported with the goals.
    let steady: RealtimeLoad
    /// Peers that are not installed.
    var missing: [String] = []
    /// Bytes of one idle WebSocket.
    var idle: [(server: String, sockets: Int, bytes: Double)] = []
    var resumeSeconds = Double.nan
    var appends: [(topics: Int, perSecond: Double)] = []

    private var results: [Key: [FollowCommand.Result]] = [:]
    private var servers: [String] = []

    init(loads: [RealtimeLoad], burst: RealtimeLoad, steady: RealtimeLoad) {
        (self.loads, self.burst, self.steady) = (loads, burst, steady)
    }

    mutating func add(_ result: FollowCommand.Result, of server: String, _ load: RealtimeLoad) {
        if !servers.contains(server) { servers.append(server) }
        results[Key(server: server, load: load), default: []].append(result)
    }

    var tables: [Table] { [deliveries, goals] }

    private func median(
        _ server: String, _ load: RealtimeLoad, _ value: (FollowCommand.Result) -> Double
    ) -> Double {
        (results[Key(server: server, load: load)] ?? []).map(value).median
    }

    private var deliveries: Table {
        var table = Table(
            "Messages to WebSockets: one core for the server, another for the client",
            ["server", "load", "deliveries/s", "p50 ms", "p99 ms", "CPU µs per delivery"])
        for load in loads {
            for server in servers {
                table.rows.append([
                    server, load.title, median(server, load) { $0.deliveries / $0.seconds }.shown(),
                    median(server, load, \.p50Milliseconds).shown(2), median(server, load, \.p99Milliseconds).shown(2),
                    median(server, load, \.serverMicroseconds).shown(2),
                ])
            }
        }
        for server in missing { table.rows.append([server, "not measured", "", "", "", ""]) }
        table.note =
            "A delivery is one message to one reader, and its time begins before the message is sent to the server. "
            + "Gatehouse gets each message by HTTP, and stores it durably before it delivers it; a peer gets it by a "
            + "WebSocket, and stores nothing."
        return table
    }

    private var goals: Table {
        var table = Table("Goals of topics", ["quantity", "goal", "measured"])
        let system = RealtimeServer.system
        let cost = median(system, burst, \.serverMicroseconds)
        for peer in servers where peer != system {
            let ratio = cost / median(peer, burst, \.serverMicroseconds)
            table.rows.append(["\(burst.title): CPU beside \(peer)", "≤ 0.67 × of a hub in Go", ratio.asRatio])
        }
        table.rows.append([
            "\(steady.title): p99", "", median(system, steady, \.p99Milliseconds).shown(2) + " ms",
        ])
        for (server, sockets, bytes) in idle {
            table.rows.append([
                "\(server): memory of an idle WebSocket, of \(Double(sockets).shown())",
                server == system ? "≤ 12 kB" : "", (bytes / 1_000).shown(1) + " kB",
            ])
        }
        table.rows.append([
            "1 000 readers resume after a restart, 100 messages each", "≤ 2 s", resumeSeconds.shown(2) + " s",
        ])
        for (topics, perSecond) in appends {
            table.rows.append([
                topics == 1 ? "appends a second to one topic" : "appends a second to \(topics) topics", "",
                perSecond.shown(),
            ])
        }
        return table
    }
}
