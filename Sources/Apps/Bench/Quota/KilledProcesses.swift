import Foundation

/// Processes that use quotas without a pause, are killed at random times and started again, while the invariants are
/// checked.
struct KilledProcesses {
    let folder: String
    let database: String
    let count: Int
    /// Common arguments of all processes.
    let arguments: [String]
    /// Milliseconds between two kills.
    let pause: ClosedRange<Int>

    /// Starts that may fail on a busy machine.
    private static let failedStartsMax = 5

    struct Outcome {
        var kills = 0
        var checks = 0
        var faults: [String] = []
        /// The number of processes so far.
        fileprivate var starts = 0
        fileprivate var failedStarts = 0
    }

    /// A process, and whether it has begun its work.
    private struct Running {
        let child: Child
        var hasStarted = false
    }

    /// Runs the processes for a time, from the start of the first one, and kills all of them at the end.
    func run(seconds: Int, checking invariants: ProofInvariants) async throws -> Outcome {
        var outcome = Outcome()
        var processes: [Running] = []
        for node in 0..<count { processes.append(try start(node, &outcome)) }
        let clock = ContinuousClock()
        var (end, nextKill): (ContinuousClock.Instant?, ContinuousClock.Instant?)
        while end.map({ clock.now < $0 }) ?? true {
            outcome.faults += try await invariants.faults()
            outcome.checks += 1
            for node in processes.indices { try follow(node, &processes[node], &outcome) }
            let started = processes.indices.filter { processes[$0].hasStarted }
            if let node = started.randomElement() {
                end = end ?? clock.now + .seconds(seconds)
                let time = nextKill ?? clock.now + .milliseconds(pause.upperBound)
                nextKill = time
                if clock.now > time {
                    processes[node].child.kill()
                    outcome.kills += 1
                    processes[node] = try start(node, &outcome)
                    nextKill = clock.now + .milliseconds(Int.random(in: pause))
                }
            }
            try await Task.sleep(for: .milliseconds(50))
        }
        for process in processes {
            process.child.kill()
            outcome.kills += 1
        }
        return outcome
    }

    /// Looks at a process, and starts it again where it has ended by itself.
    private func follow(_ node: Int, _ process: inout Running, _ outcome: inout Outcome) throws {
        process.hasStarted = process.hasStarted || StartMark(of: process.child.identifier, in: folder).exists
        guard !process.child.isRunning else { return }
        if process.hasStarted {
            outcome.faults.append("process \(node) ended with status \(process.child.status)")
        } else {
            outcome.failedStarts += 1
            if outcome.failedStarts > Self.failedStartsMax { try process.child.end() }
        }
        process = try start(node, &outcome)
    }

    /// The reports of all processes.
    func reports() throws -> [ProofReport.Line] {
        try (0..<count).flatMap { node -> [ProofReport.Line] in
            let path = "\(folder)/report-\(name(of: node))"
            return FileManager.default.fileExists(atPath: path) ? try ProofReport.lines(of: path) : []
        }
    }

    func name(of node: Int) -> String { "node-\(node)" }

    private func start(_ node: Int, _ outcome: inout Outcome) throws -> Running {
        outcome.starts += 1
        return Running(
            child: try Child.own(
                [
                    "proof-work", "--folder", folder, "--database", database, "--node", name(of: node), "--life",
                    "\(outcome.starts)",
                ] + arguments))
    }
}
