import ArgumentParser
import CSlowDisk
import Foundation

/// The whole measurement, from the first server to the last table.
struct MeasureCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "measure",
        abstract: "Measure everything and print it. (default)",
        discussion:
            "Needs wrk and taskset. Nothing else should be running: the machine's other work is in every figure."
    )

    @Flag(help: "One short round of everything: to see that it works, not to compare.")
    var quick = false

    @Option(help: "Which parts: web, writes, reservations, identity, start, rows, guessing, rates.")
    var only: [Part] = []

    @Option(help: "A folder on the disk to be measured; what is written there is removed afterwards.")
    var folder = ".build/bench"

    @Option(help: "The release binary of gatehouse.")
    var binary = ".build/release/gatehouse"

    @Option(
        help: ArgumentHelp(
            "Makes the disk slower: so many more µs each time that it is synchronised, in the baselines as well.",
            valueName: "µs"))
    var syncDelay = 0

    enum Part: String, CaseIterable, ExpressibleByArgument {
        case web, writes, reservations, identity, start, rows, guessing, rates
    }

    func validate() throws {
        guard (0...1_000_000).contains(syncDelay) else { throw ValidationError("--sync-delay takes 0 to 1000000 µs.") }
    }

    func run() async throws {
        gatehouse_delay_syncs(UInt32(syncDelay))
        let parts = Set(only.isEmpty ? Part.allCases : only)
        let effort = quick ? Effort.quick : .full
        try await Scratch.withFolder(in: folder) { scratch in
            say(Machine.description)
            if syncDelay > 0 {
                say("Each time that the disk is synchronised takes \(syncDelay) µs longer than it does by itself.")
            }
            if parts.contains(.web) || parts.contains(.writes) {
                let tables = try await ServingMeasurement(effort: effort, scratch: scratch).run(
                    calls: parts.contains(.web), writes: parts.contains(.writes))
                for table in tables { say(table) }
            }
            if parts.contains(.reservations) { say(try ReservationMeasurement(effort: effort, scratch: scratch).run()) }
            if parts.contains(.identity) {
                for table in try await IdentityMeasurement(effort: effort, scratch: scratch).run() { say(table) }
            }
            if parts.contains(.start) {
                say(try await StartMeasurement(effort: effort, scratch: scratch, binary: binary).run())
            }
            if parts.contains(.guessing) { say(try await TimingMeasurement(effort: effort, scratch: scratch).run()) }
            if parts.contains(.rows) { say(try await RowsMeasurement(effort: effort, scratch: scratch).run()) }
            if parts.contains(.rates) { say(await RatesMeasurement(effort: effort).run()) }
        }
    }

    /// Not buffered: a long run shows each part when it is done.
    private func say(_ text: some CustomStringConvertible) {
        FileHandle.standardOutput.write(Data("\(text)\n\n".utf8))
    }
}

/// How long everything is measured.
struct Effort: Sendable {
    var rounds: Int
    var roundSeconds: Int
    var starts: Int
    var rows: Int

    static let full = Effort(rounds: 5, roundSeconds: 3, starts: 15, rows: 1_000_000)
    static let quick = Effort(rounds: 1, roundSeconds: 1, starts: 3, rows: 100_000)
}
