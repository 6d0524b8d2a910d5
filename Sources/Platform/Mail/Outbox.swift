import Base
package import Storage

/// Every SQL statement about letters that wait to be sent.
extension Transaction {
    func insertLetter(_ id: ID<Letter>, sealed: String) throws {
        try execute("INSERT INTO outbox (id, sealed_letter, created_at) VALUES (\(id), \(sealed), \(now))")
    }

    /// - Returns: nil when it was sent, or never written.
    func sealedLetter(_ id: ID<Letter>) throws -> String? {
        try first("SELECT sealed_letter FROM outbox WHERE id = \(id) AND sent_at IS NULL") { try $0["sealed_letter"] }
    }

    /// Remembers that it was sent, and forgets what it said.
    func markSent(_ id: ID<Letter>) throws {
        try execute("UPDATE outbox SET sent_at = \(now), sealed_letter = '' WHERE id = \(id)")
    }
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
        )
    ]
}
