import Foundation

/// Processes that take from limits as fast as they can, killed at random and begun anew, while somebody looks into the books.
struct KilledProcesses {
    let folder: String
    let database: String
    let count: Int
    /// What each is told besides who it is.
    let arguments: [String]
    /// Milliseconds between two kills.
    let pause: ClosedRange<Int>

    struct Outcome {
        var kills = 0
        var looks = 0
        var faults: [String] = []
    }

    /// Runs them for so long and kills all of them in the end.
    func run(seconds: Int, lookingInto books: ProofInvariants) async throws -> Outcome {
        var outcome = Outcome()
        var children: [Child] = []
        for node in 0..<count { children.append(try start(node, life: 1)) }
        let clock = ContinuousClock()
        let end = clock.now + .seconds(seconds)
        var nextKill = clock.now + .milliseconds(pause.upperBound)
        while clock.now < end {
            outcome.faults += try await books.faults()
            outcome.looks += 1
            if clock.now > nextKill {
                let node = Int.random(in: 0..<count)
                children[node].kill()
                outcome.kills += 1
                children[node] = try start(node, life: outcome.kills + 1)
                nextKill = clock.now + .milliseconds(Int.random(in: pause))
            }
            for (node, child) in children.enumerated() where !child.isRunning {
                outcome.faults.append("process \(node) ended by itself")
                children[node] = try start(node, life: outcome.kills + 1_000_000 + outcome.looks)
            }
            try await Task.sleep(for: .milliseconds(50))
        }
        for child in children {
            child.kill()
            outcome.kills += 1
        }
        return outcome
    }

    /// What they wrote down before they were killed.
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
