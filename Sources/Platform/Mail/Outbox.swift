import Base
package import Storage

/// Every SQL statement about letters that wait to be sent.
extension Transaction {
    func insertLetter(_ id: ID<Email>, sealed: String) throws {
        try execute("INSERT INTO outbox (id, sealed_letter, created_at) VALUES (\(id), \(sealed), \(now))")
    }

    /// Writes down that a letter is about to be sent, before it is. An earlier attempt that was never settled counts as doubtful: it may have
    /// reached the server.
    /// - Returns: nil when the letter was sent, or is not there.
    func beginAttempt(_ id: ID<Email>) throws -> DeliveryAttempt? {
        try first(
            """
            UPDATE outbox
            SET attempts = attempts + 1, unconfirmed_attempts = unconfirmed_attempts + CASE WHEN attempt_began_at IS NULL THEN 0 ELSE 1 END,
                attempt_began_at = \(now), failed_at = NULL, failure = NULL
            WHERE id = \(id) AND sent_at IS NULL
            RETURNING sealed_letter, created_at, unconfirmed_attempts
            """
        ) { row in
            DeliveryAttempt(
                sealed: try row["sealed_letter"], writtenAt: try row["created_at"],
                doubtfulBefore: try row["unconfirmed_attempts"])
        }
    }

    /// Remembers that the server certainly did not take the letter.
    func settleAttempt(_ id: ID<Email>) throws {
        try execute("UPDATE outbox SET attempt_began_at = NULL WHERE id = \(id) AND sent_at IS NULL")
    }

    /// Remembers that it was sent, and forgets what it said.
    func markSent(_ id: ID<Email>) throws {
        try execute(
            "UPDATE outbox SET sent_at = \(now), attempt_began_at = NULL, sealed_letter = '' WHERE id = \(id) AND sent_at IS NULL"
        )
    }

    /// Remembers that nobody will send it. It keeps what it says until it is cleaned away, so that its job can be given another life.
    func markFailed(_ id: ID<Email>, because failure: String) throws {
        try execute("UPDATE outbox SET failed_at = \(now), failure = \(failure) WHERE id = \(id) AND sent_at IS NULL")
    }

    func waitingLetters() throws -> [(id: ID<Email>, sealed: String)] {
        try all("SELECT id, sealed_letter FROM outbox WHERE sent_at IS NULL") {
            (id: try $0["id"] as ID<Email>, sealed: try $0["sealed_letter"] as String)
        }
    }

    func deleteLetter(_ id: ID<Email>) throws {
        try execute("DELETE FROM outbox WHERE id = \(id)")
    }

    /// - Returns: how many were deleted.
    func pruneLetters(writtenBefore limit: Instant, atMost count: Int) throws -> Int {
        try execute(
            "DELETE FROM outbox WHERE id IN (SELECT id FROM outbox WHERE created_at < \(limit) ORDER BY created_at LIMIT \(count))"
        )
    }
}

/// A letter in the hands of a worker.
struct DeliveryAttempt: Sendable {
    let sealed: String
    let writtenAt: Instant
    /// How many earlier attempts ended without anybody knowing whether the server took the letter.
    let doubtfulBefore: Int
}

package enum MailSchema {
    package static let migrations = [
        Migration(
            "mail-001-outbox",
            """
            CREATE TABLE outbox (
                id TEXT PRIMARY KEY NOT NULL,
                sealed_letter TEXT NOT NULL,
                created_at \(.integer) NOT NULL,
                sent_at \(.integer)
            ) \(.strict)
            """
        ),
        Migration(
            "mail-002-attempts",
            "ALTER TABLE outbox ADD COLUMN attempts \(.integer) NOT NULL DEFAULT 0",
            "ALTER TABLE outbox ADD COLUMN unconfirmed_attempts \(.integer) NOT NULL DEFAULT 0",
            "ALTER TABLE outbox ADD COLUMN attempt_began_at \(.integer)",
            "ALTER TABLE outbox ADD COLUMN failed_at \(.integer)",
            "ALTER TABLE outbox ADD COLUMN failure TEXT",
            "CREATE INDEX outbox_by_age ON outbox (created_at)",
            "CREATE INDEX outbox_waiting ON outbox (id) WHERE sent_at IS NULL"
        ),
    ]
}
