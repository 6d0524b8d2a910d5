import Identity
import Modules

/// The SQL of tickets. Only the hash of a ticket is stored.
extension Transaction {
    func insertTicket(hash: String, of session: ID<Session>, for topic: Topic, expiresAt: Instant) throws {
        try execute(
            """
            INSERT INTO realtime_tickets (hash, organisation_id, session_id, topic, created_at, expires_at)
            VALUES (\(hash), \(topic.organisation), \(session), \(topic.name), \(now), \(expiresAt))
            """
        )
    }

    func hasTicket(hash: String) throws -> Bool {
        try first("SELECT hash FROM realtime_tickets WHERE hash = \(hash) AND expires_at > \(now)") != nil
    }

    /// Deletes a ticket.
    /// - Returns: nil for a ticket that does not exist or has expired; of concurrent calls one gets it.
    func takeTicket(hash: String) throws -> (session: ID<Session>, organisation: ID<Organisation>, topic: String)? {
        try first(
            """
            DELETE FROM realtime_tickets WHERE hash = \(hash) AND expires_at > \(now)
            RETURNING session_id, organisation_id, topic
            """
        ) { row in
            (session: try row["session_id"], organisation: try row["organisation_id"], topic: try row["topic"])
        }
    }

    /// - Returns: how many were deleted.
    func deleteExpiredTickets(atMost count: Int) throws -> Int {
        try execute(
            """
            DELETE FROM realtime_tickets WHERE hash IN (
                SELECT hash FROM realtime_tickets WHERE expires_at <= \(now) ORDER BY expires_at LIMIT \(count))
            """
        )
    }
}
