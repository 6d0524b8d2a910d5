import Base
import Storage

/// Every SQL statement on the outbox.
extension Transaction {
    func insertEmail(_ id: ID<Email>, sealed: String) throws {
        try execute("INSERT INTO outbox (id, sealed_email, created_at) VALUES (\(id), \(sealed), \(now))")
    }

    /// Records the start of an attempt, before the message is sent. An earlier attempt that was not settled is counted
    /// as unconfirmed: the server may have accepted its message.
    /// - Returns: nil when the e-mail was sent or is not in the outbox.
    func beginAttempt(_ id: ID<Email>) throws -> DeliveryAttempt? {
        try first(
            """
            UPDATE outbox
            SET attempts = attempts + 1,
                unconfirmed_attempts = unconfirmed_attempts + CASE WHEN attempt_began_at IS NULL THEN 0 ELSE 1 END,
                attempt_began_at = \(now), failed_at = NULL, failure = NULL
            WHERE id = \(id) AND sent_at IS NULL
            RETURNING sealed_email, created_at, unconfirmed_attempts
            """
        ) { row in
            DeliveryAttempt(
                sealed: try row["sealed_email"], createdAt: try row["created_at"], beganAt: now,
                unconfirmedAttempts: try row["unconfirmed_attempts"])
        }
    }

    /// Records that the server did not accept the message of the current attempt.
    func settleAttempt(_ id: ID<Email>) throws {
        try execute("UPDATE outbox SET attempt_began_at = NULL WHERE id = \(id) AND sent_at IS NULL")
    }

    /// Marks the row as sent and deletes its content.
    func markSent(_ id: ID<Email>) throws {
        try execute(
            """
            UPDATE outbox SET sent_at = \(now), attempt_began_at = NULL, sealed_email = ''
            WHERE id = \(id) AND sent_at IS NULL
            """
        )
    }

    /// Marks the row as failed because its link and code have expired, and deletes its content.
    func markExpired(_ id: ID<Email>) throws {
        try execute(
            """
            UPDATE outbox
            SET failed_at = \(now), failure = 'expired', attempt_began_at = NULL, sealed_email = ''
            WHERE id = \(id) AND sent_at IS NULL
            """
        )
    }

    /// Marks the row as failed. Its content stays until the row is pruned, so that the job can be redriven.
    func markFailed(_ id: ID<Email>, because failure: String) throws {
        try execute("UPDATE outbox SET failed_at = \(now), failure = \(failure) WHERE id = \(id) AND sent_at IS NULL")
    }

    func unsentEmails() throws -> [(id: ID<Email>, sealed: String)] {
        try all("SELECT id, sealed_email FROM outbox WHERE sent_at IS NULL") {
            (id: try $0["id"] as ID<Email>, sealed: try $0["sealed_email"] as String)
        }
    }

    func deleteEmail(_ id: ID<Email>) throws {
        try execute("DELETE FROM outbox WHERE id = \(id)")
    }

    /// - Returns: the number of deleted rows.
    func pruneEmails(createdBefore limit: Instant, atMost count: Int) throws -> Int {
        try execute(
            """
            DELETE FROM outbox
            WHERE id IN (SELECT id FROM outbox WHERE created_at < \(limit) ORDER BY created_at LIMIT \(count))
            """
        )
    }
}

/// The outbox row of an e-mail at the start of an attempt to send it.
struct DeliveryAttempt: Sendable {
    let sealed: String
    let createdAt: Instant
    let beganAt: Instant
    /// The number of earlier attempts that ended without a confirmed result.
    let unconfirmedAttempts: Int
}
