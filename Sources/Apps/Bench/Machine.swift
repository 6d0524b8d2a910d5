import Foundation

/// The machine of the measurement.
enum Machine {
    static var cores: Int { ProcessInfo.processInfo.activeProcessorCount }

    /// Lets this process and its later children open as many files as the system permits.
    /// - Returns: their number.
    static func raiseOpenFiles() -> Int {
        var limit = rlimit()
        let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        guard getrlimit(resource, &limit) == 0 else { return 1_024 }
        limit.rlim_cur = limit.rlim_max
        setrlimit(resource, &limit)
        return Int(clamping: limit.rlim_cur)
    }

    /// A port below those that the system gives to outgoing connections; another one for each number below 100.
    static func port(_ number: Int) -> Int {
        20_000 + Int(ProcessInfo.processInfo.processIdentifier) % 120 * 100 + number
    }

    static var description: String {
        let day = Date.now.formatted(.iso8601.year().month().day())
        let model = line("model name", of: "/proc/cpuinfo") ?? "unknown processor"
        let kernel =
            (try? String(contentsOfFile: "/proc/sys/kernel/osrelease", encoding: .utf8).trimmingCharacters(
                in: .newlines)) ?? "?"
        let load = (try? String(contentsOfFile: "/proc/loadavg", encoding: .utf8).prefix { $0 != " " }) ?? "?"
        let memory = ProcessInfo.processInfo.physicalMemory >> 30
        return "Measured \(day): \(cores) × \(model), \(memory) GiB, Linux \(kernel), load at the start \(load)."
    }

    /// The text after `name` and a colon in a file of lines `name: text`.
    static func line(_ name: String, of file: String) -> String? {
        guard let text = try? String(contentsOfFile: file, encoding: .utf8) else { return nil }
        let line = text.split(separator: "\n").first { $0.hasPrefix(name) }
        return line?.split(separator: ":", maxSplits: 1).last.map { $0.trimmingCharacters(in: .whitespaces) }
    }
}
