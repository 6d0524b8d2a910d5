package import Modules

/// What the operators of an installation see of the sessions: a number, and nothing of an organisation.
package struct AssistantActivity: Sendable {
    let database: any Database

    /// The active sessions of all organisations.
    package func activeSessions() async throws(Problem) -> Int64 {
        try await database.read { try $0.countActiveAssistantSessions() }
    }
}
