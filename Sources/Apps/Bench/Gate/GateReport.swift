/// The tables of the gate's measurement.
struct GateReport {
    let samples: GateSamples
    let growth: [GrowthMeasurement.Result]
    let peers: [Peer]
    /// The time of a write and fdatasync of a page.
    let syncMicroseconds: Double

    func tables(connections: [Int]) -> [Table] { [calls(connections), goals()] }

    private func calls(_ connections: [Int]) -> Table {
        var table = Table(
            "The gate: one core for the server, another for the client",
            [
                "server", "request", "connections", "requests/s", "p50 ms", "p99 ms", "CPU µs", "× SwiftNIO",
                "PostgreSQL µs", "client µs",
            ])
        for (server, call) in samples.calls {
            for count in connections {
                func median(_ value: (GateSample) -> Double) -> Double { samples.median(server, call, count, value) }
                let cost = median(\.serverMicroseconds)
                let bare = samples.median(GateServer.nio, .hello, count, \.serverMicroseconds)
                let database = median(\.databaseMicroseconds)
                table.rows.append([
                    server, call.title, "\(count)", median(\.metrics.perSecond).shown(),
                    median(\.metrics.p50Milliseconds).shown(2), median(\.metrics.p99Milliseconds).shown(2),
                    cost.shown(1), (cost / bare).asRatio, database.isFinite ? database.shown(1) : "",
                    median(\.metrics.clientMicroseconds).shown(1),
                ])
            }
        }
        for server in samples.missing {
            table.rows.append([server, "not measured"] + Array(repeating: "", count: table.columns.count - 2))
        }
        table.note =
            "CPU is the processor time of the server for one request, × that of bare SwiftNIO's constant response. "
            + "PostgreSQL shares both cores with them. "
            + "A write and fdatasync of a page takes \(syncMicroseconds.shown()) µs."
        return table
    }

    private func goals() -> Table {
        var table = Table("Goals of the gate", ["quantity", "goal", "measured"])
        func row(_ name: String, _ goal: String, _ measured: Double, _ unit: String, decimals: Int = 0) {
            table.rows.append([
                name, goal + unit, measured.isFinite ? measured.shown(decimals) + unit : "not measured",
            ])
        }
        let sqlite = GateServer.sqlite
        let postgres = GateServer.postgres
        for call in GateCall.writes {
            row("\(call.title): CPU", "≤ 100", samples.median(sqlite, call, 64, \.serverMicroseconds), " µs")
            row("\(call.title): a second", "≥ 10 000", samples.median(sqlite, call, 64, \.metrics.perSecond), "")
            row(
                "\(call.title): p50 of 256", "≤ 25", samples.median(sqlite, call, 256, \.metrics.p50Milliseconds), " ms"
            )
            row(
                "\(call.title): p99 of 256", "≤ 90", samples.median(sqlite, call, 256, \.metrics.p99Milliseconds), " ms"
            )
        }
        for call in [GateCall.reservationInOne, .reservationInMany] {
            let (few, many) = (
                samples.median(postgres, call, 64, \.metrics.perSecond),
                samples.median(postgres, call, 256, \.metrics.perSecond)
            )
            row("\(call.title), PostgreSQL: a second at 256", "≥ 5 000", many, "")
            row("\(call.title), PostgreSQL: 256 callers to 64", "≥ 1.00", many / few, " ×", decimals: 2)
            let p50 = samples.median(postgres, call, 256, \.metrics.p50Milliseconds)
            let p99 = samples.median(postgres, call, 256, \.metrics.p99Milliseconds)
            row("\(call.title), PostgreSQL: p99 to p50 of 256", "≤ 5.00", p99 / p50, " ×", decimals: 2)
        }
        row("\(GateCall.gated.title): CPU", "≤ 50", samples.median(sqlite, .gated, 64, \.serverMicroseconds), " µs")
        row(
            "\(GateCall.usage.title), PostgreSQL: CPU", "≤ 120",
            samples.median(postgres, .usage, 64, \.serverMicroseconds), " µs")
        row("\(GateCall.health.title): CPU", "≤ 18", samples.median(sqlite, .health, 64, \.serverMicroseconds), " µs")
        for call in GateCall.reads {
            row(
                "\(call.title): p50 of 256", "≤ 12", samples.median(sqlite, call, 256, \.metrics.p50Milliseconds), " ms"
            )
            row(
                "\(call.title): p99 of 256", "≤ 50", samples.median(sqlite, call, 256, \.metrics.p99Milliseconds), " ms"
            )
        }
        for result in growth {
            row(
                "\(result.database): CPU with \(Double(result.large.settled).shown()) settled reservations to "
                    + "\(Double(result.small.settled).shown())", "≤ 1.30", result.ratio, " ×", decimals: 2)
        }
        for peer in peers {
            let own = samples.median(sqlite, .reservationInOne, 64, \.serverMicroseconds)
            let other = samples.median(peer.name, .peerWrite, 64, \.serverMicroseconds)
            row("a reservation, to a unit spent by \(peer.name): CPU", "≤ 1.00", own / other, " ×", decimals: 2)
        }
        if peers.isEmpty { row("a reservation, to a unit spent by a peer: CPU", "≤ 1.00", .nan, " ×") }
        return table
    }
}
