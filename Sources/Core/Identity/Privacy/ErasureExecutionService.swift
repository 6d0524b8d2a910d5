import Audit
import Files
import Mail
import Modules

/// Executes due erasures in three idempotent steps: revoke the person's sessions, delete or pseudonymise their rows,
/// remove their files.
final class ErasureExecutionService: Sendable {
    private let database: any Database
    private let tables: [PersonalDataTable]
    private let sessions: SessionService
    private let events: IdentityEvents
    private let queue: JobQueue
    private let mailer: Mailer
    private let audit: AuditService
    private let runtime: Runtime

    /// - Parameter tables: in the order in which their rows can be erased.
    init(
        database: any Database, tables: [PersonalDataTable], sessions: SessionService, events: IdentityEvents,
        queue: JobQueue, mailer: Mailer, audit: AuditService, runtime: Runtime
    ) {
        self.database = database
        self.tables = tables
        self.sessions = sessions
        self.events = events
        self.queue = queue
        self.mailer = mailer
        self.audit = audit
        self.runtime = runtime
    }

    enum Progress: Sendable {
        /// The erasure is complete, was cancelled or was postponed.
        case done
        /// The next step is due after this time.
        case wait(Duration)
    }

    private enum Step: Sendable {
        case done
        case revoked([ID<Session>], of: ID<Person>)
        case wait(Duration)
    }

    /// Executes the next step of an erasure.
    func advance(_ id: ID<Erasure>) async throws(Problem) -> Progress {
        let pseudonym: ID<Pseudonym> = runtime.id()
        let step = try await database.write { [self] transaction -> Step in
            guard let erasure = try transaction.erasure(id), erasure.dueAt <= transaction.now else { return .done }
            guard let begun = erasure.begunAt else { return try begin(erasure, in: transaction) }
            guard begun + Erasure.revocationDelay <= transaction.now else {
                return .wait(begun + Erasure.revocationDelay - transaction.now)
            }
            let subject = try transaction.dataSubject(erasure.person)
            guard try queue.stopRunning(of: subject.organisations.map(\.text), in: transaction) == 0 else {
                return .wait(.seconds(10))
            }
            try erase(subject, as: pseudonym, in: transaction)
            return .done
        }
        switch step {
        case .done: return .done
        case .wait(let duration): return .wait(duration)
        case .revoked(let revoked, let person):
            sessions.noteRevoked(revoked, of: person)
            return .wait(Erasure.revocationDelay)
        }
    }

    private func begin(_ erasure: Erasure, in transaction: Transaction) throws -> Step {
        try transaction.lockAdministrators()
        guard let person = try transaction.lockedPerson(erasure.person) else { return .done }
        // The organisations and the roles may have changed since the request.
        if let refusal = try transaction.refusal(ofErasing: person, .due, events) {
            try transaction.postponeErasure(erasure.id, by: Erasure.postponement)
            if !erasure.wasPostponed {
                let values = ["name": person.callingName, "reason": refusal.detail ?? refusal.title]
                try mailer.send(
                    Email("erasure-postponed", to: person.email, values: values), ifVerified: person, in: transaction)
            }
            try audit.record(
                AuditEvent(
                    "erasure.postponed", outcome: .refused, subject: erasure.person.text,
                    details: ["reason": refusal.kind.code]),
                in: transaction)
            return .done
        }
        try transaction.beginErasure(erasure.id)
        _ = try transaction.suspend(erasure.person)
        try events.accountSuspended(erasure.person, in: transaction)
        let revoked = try transaction.revokeAllSessions(of: erasure.person, because: "account erased")
        return .revoked(revoked, of: erasure.person)
    }

    private func erase(_ subject: DataSubject, as pseudonym: ID<Pseudonym>, in transaction: Transaction) throws {
        guard let person = try transaction.person(subject.person) else { return }
        let organisations = subject.organisations.map(\.text)
        let exports = try transaction.exports(of: subject.person).compactMap(\.fileName).map(Export.fileKey)
        let keys = try tables.flatMap { try $0.fileKeys(subject, transaction) } + exports
        try mailer.discard(emailsTo: person.email, in: transaction)
        try queue.delete(
            organisations: organisations, naming: [subject.person.text] + organisations, in: transaction)
        for table in tables { try table.erase(subject, pseudonym, transaction) }
        try audit.record(AuditEvent("account.erased", actor: pseudonym.text, subject: pseudonym.text), in: transaction)
        try mailer.send(
            Email("erased", to: person.email, values: ["name": person.fullName ?? ""]), ifVerified: person,
            in: transaction)
        // One job even without files: it scrubs the database too.
        for start in stride(from: 0, to: max(1, keys.count), by: ErasedFilesJob.keysMax) {
            let part = keys[start..<min(start + ErasedFilesJob.keysMax, keys.count)]
            let job = ErasedFilesJob(keys: part.map(\.segments))
            try queue.enqueue(job, in: transaction)
            let repetition = JobOptions(runAt: transaction.now + ErasedFilesJob.repetitionDelay)
            try queue.enqueue(job, repetition, in: transaction)
        }
    }
}
