import Foundation

/// The processor times of a process, in seconds of user and kernel mode, as /proc/PID/stat has them.
struct ProcessTimes {
    let parent: Int32
    let own: Double
    /// Of the children that have ended.
    let endedChildren: Double

    /// - Parameter process: the identifier, or `self`.
    /// - Returns: nil for a process that does not exist.
    init?(of process: String) {
        // proc_pid_stat(5): the state follows the name in brackets, then the parent; utime, stime, cutime and cstime
        // are the 12th to the 15th, in clock ticks.
        guard let text = try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8),
            let end = text.lastIndex(of: ")")
        else { return nil }
        let fields = text[end...].split(separator: " ")
        guard fields.count > 15, let parent = Int32(fields[2]) else { return nil }
        let ticks = fields[12...15].compactMap { Double($0) }
        guard ticks.count == 4 else { return nil }
        let perSecond = Double(sysconf(Int32(_SC_CLK_TCK)))
        self.parent = parent
        own = (ticks[0] + ticks[1]) / perSecond
        endedChildren = (ticks[2] + ticks[3]) / perSecond
    }

    /// The processor time of a process and of its children, also of those that have ended.
    static func withChildren(of process: Int32) -> Double {
        guard let times = ProcessTimes(of: "\(process)") else { return .nan }
        let all = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        let running = all.filter { $0.first?.isNumber == true }.compactMap { ProcessTimes(of: $0) }
        return running.filter { $0.parent == process }.reduce(times.own + times.endedChildren) { $0 + $1.own }
    }
}
