import App
import Modules

/// How many steps a second the job runner of one process runs, without kills.
struct WorkflowRate {
    let folder: String
    let database: String
    /// Of workflows with five steps.
    let count: Int

    static let countMax = 200

    /// - Returns: steps a second, from the start of the runner to the end of the last workflow.
    func measure() async throws -> Double {
        try WorkflowServer.writePlans(credits: count, in: folder)
        let server = try await WorkflowServer(folder: folder, database: database)
        let token = try await server.registerOwner()
        for number in 0..<count {
            _ = try await server.submit(ProofWorkflow.chain(number), key: "chain-\(number)", token: token)
        }
        let started = ContinuousClock.now
        try await server.runningJobs {
            while try await server.countActive() > 0 { try await Task.sleep(for: .milliseconds(20)) }
        }
        let seconds = (ContinuousClock.now - started).inSeconds
        let steps = try await server.app.database.read {
            try $0.count("SELECT COUNT(*) AS count FROM workflow_steps WHERE state = 'succeeded'")
        }
        await server.app.close()
        return Double(steps) / seconds
    }
}
