import App
import Base
import Foundation
import Mail
import Modules
import Secrets
import TestKit

extension TestApp {
    /// The post office of this installation.
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

    /// Hands in a letter as a verb of the system does.
    func send(_ letter: Email) async throws {
        let mailer = try self.mailer
        try await app.database.write { try mailer.send(letter, in: $0) }
    }

    /// What the outbox says, oldest first.
    func outbox() async throws -> [OutboxRow] {
        try await app.database.read { transaction in
            try transaction.all(
                "SELECT id, sealed_letter, sent_at, failed_at, failure, attempts, unconfirmed_attempts FROM outbox ORDER BY id"
            ) { row in
                OutboxRow(
                    id: try row["id"],
                    isForgotten: try row.read("sealed_letter", as: String.self).isEmpty,
                    isSent: try row.read("sent_at", as: Instant?.self) != nil,
                    failure: try row["failure"],
                    attempts: try row["attempts"],
                    unconfirmedAttempts: try row["unconfirmed_attempts"]
                )
            }
        }
    }

    /// The states of the jobs that deliver letters, oldest first.
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
    var isForgotten: Bool
    var isSent: Bool
    var failure: String?
    var attempts: Int
    var unconfirmedAttempts: Int
}

extension Email {
    static let code = "493817"
    static let token = "kZ3v-pq_8"

    static func verification(to recipient: String = "somebody@example.org", name: String = "Somebody") -> Email {
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
