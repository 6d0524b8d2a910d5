import Identity
import Modules

/// The assistant's part of the usage in a profile.
extension Transaction {
    /// - Parameter organisation: the person's own.
    func assistantUsage(of person: ID<Person>, in organisation: ID<Organisation>) throws -> ProfileUsage {
        var usage = ProfileUsage()
        let sessions = try first(
            """
            SELECT COUNT(*) AS sessions, CAST(COALESCE(SUM(message_count), 0) AS \(.integer)) AS messages
            FROM assistant_sessions WHERE organisation_id = \(organisation) AND person_id = \(person)
            """
        ) { (try $0["sessions"] as Int64, try $0["messages"] as Int64) }
        (usage.sessions, usage.messages) = sessions ?? (0, 0)
        usage.tokens = try count(
            """
            SELECT CAST(COALESCE(SUM(input_tokens + output_tokens), 0) AS \(.integer)) AS count
            FROM assistant_turns WHERE organisation_id = \(organisation) AND person_id = \(person)
            """)
        usage.workspaceBytes = try workspaceUsage(of: organisation)?.bytes ?? 0
        return usage
    }
}
