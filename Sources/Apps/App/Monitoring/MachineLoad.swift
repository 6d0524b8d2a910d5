import Foundation
import Modules
import Synchronization

/// How busy the machine is, as Linux tells it in `/proc`.
final class MachineLoad: Sendable {
    struct Reading: Sendable {
        /// Of all processors together since the last reading but one second ago or more, at first since the start of
        /// the machine; nil where `/proc` does not tell.
        var cpuPercent: Double?
        /// Of the memory, what programs cannot have any more.
        var memoryPercent: Double?
        var memoryBytes: Int64?
        /// Of this process.
        var processMemoryBytes: Int64?
    }

    private struct Times {
        var busy: UInt64
        var total: UInt64
    }

    private struct State {
        var times = Times(busy: 0, total: 0)
        var taken: ContinuousClock.Instant?
        var percent: Double?
    }

    private static let intervalMin = Duration.seconds(1)
    /// Of one file of `/proc` that is read here.
    private static let fileBytesMax = 256 << 10

    private let folder: String
    private let state = Mutex(State())

    /// - Parameter folder: `/proc`, or what a test has in its place.
    init(folder: String) { self.folder = folder }

    var reading: Reading {
        let memory = text("meminfo")
        let (total, available) = (Self.kibibytes("MemTotal:", memory), Self.kibibytes("MemAvailable:", memory))
        var reading = Reading(cpuPercent: cpuPercent, memoryBytes: total.map { $0 << 10 })
        if let total, let available, total > 0 {
            reading.memoryPercent = Self.rounded(Double(total - min(available, total)) / Double(total))
        }
        reading.processMemoryBytes = Self.kibibytes("VmRSS:", text("self/status")).map { $0 << 10 }
        return reading
    }

    private var cpuPercent: Double? {
        guard let times else { return nil }
        let now = ContinuousClock.now
        return state.withLock { state in
            // Two questions at once would measure next to nothing.
            if let taken = state.taken, now - taken < Self.intervalMin { return state.percent }
            let total = times.total &- state.times.total
            let busy = times.busy &- state.times.busy
            if times.total > state.times.total, busy <= total {
                state.percent = Self.rounded(Double(busy) / Double(total))
            }
            (state.times, state.taken) = (times, now)
            return state.percent
        }
    }

    /// Since the start of the machine, in ticks (proc_stat(5)).
    private var times: Times? {
        guard let line = text("stat")?.split(separator: "\n").first, line.hasPrefix("cpu ") else { return nil }
        // user, nice, system, idle, iowait, irq, softirq, steal; what guests take is in the first two.
        let numbers = line.split(separator: " ").dropFirst().prefix(8).compactMap { UInt64($0) }
        guard numbers.count >= 4 else { return nil }
        let total = numbers.reduce(0, &+)
        let idle = numbers[3] &+ (numbers.count > 4 ? numbers[4] : 0)
        return Times(busy: total &- min(idle, total), total: total)
    }

    private static func kibibytes(_ name: String, _ text: String?) -> Int64? {
        guard let line = text?.split(separator: "\n").first(where: { $0.hasPrefix(name) }) else { return nil }
        return line.dropFirst(name.count).split(whereSeparator: \.isWhitespace).first.flatMap { Int64($0) }
    }

    private func text(_ name: String) -> String? {
        (try? InputFile.bytes(of: "\(folder)/\(name)", upTo: Self.fileBytesMax)).map {
            String(decoding: $0, as: UTF8.self)
        }
    }

    /// In per cent, with one decimal.
    private static func rounded(_ share: Double) -> Double { (share * 1_000).rounded() / 10 }
}
