import App

extension App {
    /// Runs the jobs that are due, several at a time, until none is.
    func runDueJobs(together count: Int) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<count { group.addTask { try await runner.runUntilIdle() } }
            try await group.waitForAll()
        }
        // A task ends while another one still runs the job that makes the next ones.
        try await runner.runUntilIdle()
    }
}
