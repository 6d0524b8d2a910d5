import App
import Base
import Foundation
import Mail
import Modules
import Secrets
import TestKit

extension TestApp {
    /// A mailer with the secret key of the installation.
    var mailer: Mailer {
        get throws {
            let clock = clock
            return Mailer(
                queue: app.queue,
                sealer: Sealer(
                    secret: try String(contentsOfFile: "\(app.configuration.dataFolder)/secret.key", encoding: .utf8)),
                runtime: Runtime(now: { clock.now }, randomBytes: Runtime.system.randomBytes)
            )
        }
    }

    /// Writes an e-mail to the outbox in a transaction of its own.
    func send(_ email: Email) async throws {
        let mailer = try mailer
        try await app.database.write { try mailer.send(email, in: $0) }
    }

    /// The rows of the outbox, oldest first.
    func outbox() async throws -> [OutboxRow] {
        try await app.database.read { transaction in
            try transaction.all(
                """
                SELECT id, sealed_email, sent_at, failed_at, failure, attempts, unconfirmed_attempts
                FROM outbox ORDER BY id
                """
            ) { row in
                OutboxRow(
                    id: try row["id"],
                    isContentDeleted: try row.read("sealed_email", as: String.self).isEmpty,
                    isSent: try row.read("sent_at", as: Instant?.self) != nil,
                    failure: try row["failure"],
                    attempts: try row["attempts"],
                    unconfirmedAttempts: try row["unconfirmed_attempts"]
                )
            }
        }
    }

    /// The delivery jobs, oldest first.
    func deliveries() async throws -> [(state: String, error: String?, id: ID<QueuedJob>)] {
        try await app.database.read { transaction in
            try transaction.all("SELECT id, state, last_error FROM jobs WHERE kind = 'mail.deliver' ORDER BY id") {
                row in
                (
                    state: try row["state"] as String, error: try row["last_error"] as String?,
                    id: try row["id"] as ID<QueuedJob>
                )
            }
        }
    }
}

struct OutboxRow: Sendable, Equatable {
    var id: String
    var isContentDeleted: Bool
    var isSent: Bool
    var failure: String?
    var attempts: Int
    var unconfirmedAttempts: Int
}

extension Email {
    static let code = "493817"
    static let token = "kZ3v-pq_8"

    static func verification(to recipient: String = "user@example.org", name: String = "Test User") -> Email {
        Email(
            "verify-email",
            to: recipient,
            values: [
                "name": name, "code": code, "link": "https://app.example/verify?token=\(token)&x=1",
                "expires": "2026-02-01T12:00:00Z",
                "code_expires": "2026-01-31T12:10:00Z",
            ]
        )
    }
}
