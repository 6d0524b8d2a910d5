import Foundation

/// Reservations made and committed a second: by one caller, by many, by many on one limit, and with the statements
/// alone.
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
            "Reservations made and committed, durable each time", ["operation", "pairs a second", "ratio", "goal"])
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
                "the same prepared statements in a loop", median(\.bare).shown(),
                "256 callers: " + median { $0.spread / $0.bare }.asRatio, "0.50 ×",
            ],
        ]
        table.note =
            "A COMMIT serves \(median(\.groupSize).shown()) reservations or commits, in the loop too. "
            + "A write and fdatasync of a page takes \(median(\.syncP50).shown()) µs "
            + "(p99 \(median(\.syncP99).shown()))."
        return table
    }
}

/// The latency of durable writes of one page.
struct DiskSync {
    let folder: String

    /// Microseconds of a write and fdatasync of one page.
    func times(seconds: Double) throws -> (p50: Double, p99: Double) {
        let descriptor = open("\(folder)/pages", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw CocoaError(.fileWriteUnknown) }
        defer { close(descriptor) }
        let page = [UInt8](repeating: 1, count: 4_096)
        var times = DurationHistogram()
        let clock = ContinuousClock()
        let end = clock.now + .seconds(seconds)
        while clock.now < end {
            times.record(
                clock.measure {
                    _ = write(descriptor, page, page.count)
                    _ = fdatasync(descriptor)
                })
        }
        return (times.percentile(50) / .microseconds(1), times.percentile(99) / .microseconds(1))
    }
}
