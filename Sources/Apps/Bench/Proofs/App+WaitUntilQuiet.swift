import App
import Modules

extension App {
    /// Waits at most 30 s until nothing of the killed processes runs in the database. PostgreSQL still executes what
    /// they have sent, keeps their locks until then, and commits where that includes the commit: a block that appears
    /// after the start of the node ends with its lease, which the proof does not wait for.
    func waitUntilQuiet() async throws {
        guard database.dialect == .postgres else { return }
        for _ in 0..<300 {
            let active = try await database.read {
                try $0.count(
                    """
                    SELECT COUNT(*) AS count FROM pg_stat_activity
                    WHERE datname = current_database() AND pid <> pg_backend_pid()
                        AND backend_type = 'client backend' AND state <> 'idle'
                    """)
            }
            if active == 0 { return }
            try await Task.sleep(for: .milliseconds(100))
        }
    }
}
