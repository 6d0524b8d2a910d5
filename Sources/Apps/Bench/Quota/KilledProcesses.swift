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

    struct Outcome {
        var kills = 0
        var checks = 0
        var faults: [String] = []
    }

    /// Runs the processes for a time, and kills all of them at the end.
    func run(seconds: Int, checking invariants: ProofInvariants) async throws -> Outcome {
        var outcome = Outcome()
        var children: [Child] = []
        for node in 0..<count { children.append(try start(node, life: 1)) }
        let clock = ContinuousClock()
        let end = clock.now + .seconds(seconds)
        var nextKill = clock.now + .milliseconds(pause.upperBound)
        while clock.now < end {
            outcome.faults += try await invariants.faults()
            outcome.checks += 1
            if clock.now > nextKill {
                let node = Int.random(in: 0..<count)
                children[node].kill()
                outcome.kills += 1
                children[node] = try start(node, life: outcome.kills + 1)
                nextKill = clock.now + .milliseconds(Int.random(in: pause))
            }
            for (node, child) in children.enumerated() where !child.isRunning {
                outcome.faults.append("process \(node) ended without a kill")
                children[node] = try start(node, life: outcome.kills + 1_000_000 + outcome.checks)
            }
            try await Task.sleep(for: .milliseconds(50))
        }
        for child in children {
            child.kill()
            outcome.kills += 1
        }
        return outcome
    }

    /// The reports of all processes.
    func reports() throws -> [ProofReport.Line] {
        try (0..<count).flatMap { node -> [ProofReport.Line] in
            let path = "\(folder)/report-\(name(of: node))"
            return FileManager.default.fileExists(atPath: path) ? try ProofReport.lines(of: path) : []
        }
    }

    func name(of node: Int) -> String { "node-\(node)" }

    private func start(_ node: Int, life: Int) throws -> Child {
        try Child.own(
            ["proof-work", "--folder", folder, "--database", database, "--node", name(of: node), "--life", "\(life)"]
                + arguments)
    }
}
