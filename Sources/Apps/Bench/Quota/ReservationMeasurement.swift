import Foundation

/// Reservations made and committed a second: one caller, many, all on one limit, and the same statements without the layers.
struct ReservationMeasurement {
    let effort: Effort
    let scratch: URL

    func run() throws -> Table {
        var rounds: [PairRates] = []
        for round in 0..<effort.rounds {
            let folder = scratch.appending(path: "pairs-\(round)")
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            rounds.append(
                try Child.result(of: ["pair", "--folder", folder.path, "--seconds", "\(effort.roundSeconds)"]))
            try FileManager.default.removeItem(at: folder)
        }
        func median(_ rate: (PairRates) -> Double) -> Double { rounds.map(rate).median }
        var table = Table(
            "Reservations made and committed, durable each time", ["what", "pairs a second", "beside", "goal"])
        table.rows = [
            ["one caller", median(\.one).shown(), "", ""],
            [
                "256 callers, 64 limits", median(\.spread).shown(),
                "one caller: " + median { $0.spread / $0.one }.asRatio, "8.00 ×",
            ],
            [
                "256 callers, one limit", median(\.hot).shown(), "64 limits: " + median { $0.hot / $0.spread }.asRatio,
                "1.00 ×",
            ],
            [
                "the same statements, prepared, in a bare loop", median(\.bare).shown(),
                "256 callers: " + median { $0.spread / $0.bare }.asRatio, "0.50 ×",
            ],
        ]
        table.note =
            "A COMMIT serves \(median(\.groupSize).shown()) reservations or commits, in the bare loop too. "
            + "A page written and synchronised takes \(median(\.syncP50).shown()) µs (p99 \(median(\.syncP99).shown()))."
        return table
    }
}

/// How long the disk takes for a page.
struct DiskSync {
    let folder: String

    /// Microseconds that one page written and synchronised takes.
    func times(seconds: Double) throws -> (p50: Double, p99: Double) {
        let descriptor = open("\(folder)/pages", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw CocoaError(.fileWriteUnknown) }
        defer { close(descriptor) }
        let page = [UInt8](repeating: 1, count: 4_096)
        var times: [Double] = []
        let clock = ContinuousClock()
        let end = clock.now + .seconds(seconds)
        while clock.now < end {
            let time = clock.measure {
                _ = write(descriptor, page, page.count)
                _ = fdatasync(descriptor)
            }
            times.append(time / .microseconds(1))
        }
        return (times.percentile(0.5), times.percentile(0.99))
    }
}
