import App
import ArgumentParser
import CSlowDisk
import Foundation

/// Runs all measurements, or the selected ones, and prints tables in Markdown.
struct MeasureCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "measure",
        abstract: "Run the measurements and print their tables. (default)",
        discussion:
            "Needs wrk and taskset. Other load on the machine changes every result."
    )

    @Flag(help: "One short round of each measurement: a smoke test, with results that are not comparable.")
    var quick = false

    @Option(
        help:
            """
            The parts: web, writes, reservations, identity, start, rows, timing, rates; by name only: gate, realtime, \
            money, chat.
            """
    )
    var only: [Part] = []

    @Option(
        help: ArgumentHelp(
            "A server in another language that gate, realtime or chat is measured beside; may be repeated.",
            discussion: "docs/performance.md has what it must serve.", valueName: "name=command"))
    var peer: [Peer] = []

    @Option(
        name: .customLong("litellm"),
        help: "The program of LiteLLM's proxy, which chat is measured beside; not measured by default.")
    var liteLLM: String?

    @Option(help: "A folder on the measured disk; its contents are removed afterwards.")
    var folder = ".build/bench"

    @Option(help: "The release binary of gatehouse.")
    var binary = ".build/release/gatehouse"

    @Option(
        help: ArgumentHelp(
            "Additional duration of every fsync and fdatasync, in the baselines too.",
            valueName: "µs"))
    var syncDelay = 0

    enum Part: String, CaseIterable, ExpressibleByArgument {
        case web, writes, reservations, identity, start, rows, timing, rates, gate, realtime, money, chat

        /// Without those that fill databases with millions of rows, the one that opens thousands of sockets, and the one
        /// that is measured beside other programs.
        static let usual = Set(allCases).subtracting([.gate, .realtime, .money, .chat])
    }

    func validate() throws {
        guard (0...1_000_000).contains(syncDelay) else { throw ValidationError("--sync-delay takes 0 to 1000000 µs.") }
    }

    func run() async throws {
        gatehouse_delay_syncs(UInt32(syncDelay))
        let parts = only.isEmpty ? Part.usual : Set(only)
        let effort = quick ? Effort.quick : .full
        try await TemporaryFolder.with(in: URL(filePath: folder, directoryHint: .isDirectory)) { scratch in
            write(Machine.description)
            if syncDelay > 0 {
                write("Every fsync and fdatasync takes \(syncDelay) µs longer than the disk does.")
            }
            if parts.contains(.web) || parts.contains(.writes) {
                let tables = try await ServingMeasurement(effort: effort, scratch: scratch).run(
                    requests: parts.contains(.web), writes: parts.contains(.writes))
                for table in tables { write(table) }
            }
            if parts.contains(.reservations) {
                write(try ReservationMeasurement(effort: effort, scratch: scratch).run())
            }
            if parts.contains(.identity) {
                for table in try await IdentityMeasurement(effort: effort, scratch: scratch).run() { write(table) }
            }
            if parts.contains(.start) || parts.contains(.gate) {
                write(try await StartMeasurement(effort: effort, scratch: scratch, binary: binary).run())
            }
            if parts.contains(.timing) { write(try await TimingMeasurement(effort: effort, scratch: scratch).run()) }
            if parts.contains(.rows) { write(try await RowsMeasurement(effort: effort, scratch: scratch).run()) }
            if parts.contains(.rates) { write(await RatesMeasurement(effort: effort).run()) }
            if parts.contains(.money) {
                write(try await WebhookMeasurement(effort: effort, scratch: scratch).run())
                write(try await ReleaseMeasurement(effort: effort, scratch: scratch).run())
                write(try await LedgerMeasurement(effort: effort, scratch: scratch).run())
            }
            if parts.contains(.realtime) {
                let tables = try await RealtimeMeasurement(effort: effort, scratch: scratch, peers: peer).run()
                for table in tables { write(table) }
            }
            if parts.contains(.chat) {
                let tables = try await ChatMeasurement(
                    effort: effort, scratch: scratch, peers: peer, liteLLM: liteLLM
                ).run()
                for table in tables { write(table) }
            }
            if parts.contains(.gate) {
                let (tables, isWithinBudget) = try await GateMeasurement(effort: effort, scratch: scratch, peers: peer)
                    .run()
                for table in tables { write(table) }
                if !isWithinBudget { throw ExitCode(1) }
            }
        }
    }

    /// Unbuffered, so that each part of a long run appears when it has ended.
    private func write(_ text: some CustomStringConvertible) {
        FileHandle.standardOutput.write(Data("\(text)\n\n".utf8))
    }
}

/// The number and length of rounds.
struct Effort: Sendable {
    var rounds: Int
    var roundSeconds: Int
    var starts: Int
    var rows: Int
    /// Before the memory of the process is measured.
    var reservations: Double
    var smallHistory: History
    var largeHistory: History

    /// Rows of a database that has been used for a while.
    struct History: Sendable {
        let settled: Int
        let organisations: Int
    }

    static let full = Effort(
        rounds: 5, roundSeconds: 3, starts: 15, rows: 1_000_000, reservations: 60_000,
        smallHistory: History(settled: 10_000, organisations: 1_000),
        largeHistory: History(settled: 10_000_000, organisations: 100_000))
    static let quick = Effort(
        rounds: 1, roundSeconds: 1, starts: 3, rows: 100_000, reservations: 1_000,
        smallHistory: History(settled: 1_000, organisations: 100),
        largeHistory: History(settled: 20_000, organisations: 2_000))
}
