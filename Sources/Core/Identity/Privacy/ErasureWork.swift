import Audit
import Files
import Mail
import Modules

/// Looks for erasures that are due.
struct FindDueErasures: Job {
    static let name = "privacy.find-due-erasures"
}

/// Erases one person. It names the wish and not the person, so that nothing of them stays in the queue.
struct ErasePerson: Job {
    static let name = "privacy.erase-person"
    let erasure: ID<Erasure>
}

/// Removes the files of somebody whose rows are gone.
struct RemoveErasedFiles: Job {
    static let name = "privacy.remove-erased-files"
    /// Keys of the file store, each as its segments.
    let places: [[String]]

    /// A payload of so many keys is far below what a job may carry.
    static let placesMax = 500
    /// When it is done once more: a worker that has not heard that its job is gone may still be writing.
    static let again: Duration = .hours(1)
}

// An erasure in three steps, each safe to be done twice: the person is signed out everywhere; their rows go, and with them everything that names them; their
// files go.
extension ErasureService {
    private enum Step: Sendable {
        case nothing
        case signedOut([ID<Session>])
        case wait(Duration)
        case erased
    }

    var workers: [Worker] {
        [
            Worker(FindDueErasures.self) { _, _ in
                .done { [queue] transaction in
                    for erasure in try transaction.dueErasures(limit: 500) {
                        try queue.enqueue(
                            ErasePerson(erasure: erasure), JobOptions(uniqueKey: erasure.text), in: transaction)
                    }
                }
            },
            Worker(ErasePerson.self) { job, _ in
                switch try await step(job.erasure) {
                case .nothing, .erased: return .done
                case .wait(let duration): return .snooze(for: duration)
                case .signedOut(let sessions):
                    revocations.note(sessions, at: runtime.now())
                    return .snooze(for: Erasure.signingOut)
                }
            },
            Worker(RemoveErasedFiles.self) { job, _ in
                for place in job.places {
                    if let key = FileStore.Key(segments: place) { try await files.remove(key) }
                }
                try await database.scrub()
                return .done
            },
        ]
    }

    var schedule: Schedule {
        Schedule(id: FindDueErasures.name, .every(.hours(1))) { _, queue, transaction in
            try queue.enqueue(FindDueErasures(), JobOptions(uniqueKey: FindDueErasures.name), in: transaction)
        }
    }

    private func step(_ id: ID<Erasure>) async throws(Problem) -> Step {
        let pseudonym: ID<Pseudonym> = runtime.id()
        return try await database.write { transaction -> Step in
            guard let erasure = try transaction.erasure(id), erasure.dueAt <= transaction.now else { return .nothing }
            guard let begun = erasure.begunAt else { return try begin(erasure, in: transaction) }
            guard begun + Erasure.signingOut <= transaction.now else {
                return .wait(begun + Erasure.signingOut - transaction.now)
            }
            let subject = try transaction.dataSubject(erasure.person)
            guard try queue.stopRunning(of: subject.organisations.map(\.text), in: transaction) == 0 else {
                return .wait(.seconds(10))
            }
            try erase(subject, as: pseudonym, in: transaction)
            return .erased
        }
    }

    private func begin(_ erasure: Erasure, in transaction: Transaction) throws -> Step {
        guard try transaction.organisationsOwnedAlone(by: erasure.person) == 0 else {
            try transaction.postponeErasure(erasure.id, by: Erasure.postponement)
            try audit.record(
                AuditEvent("erasure.postponed", outcome: .refused, subject: erasure.person.text), in: transaction)
            return .nothing
        }
        try transaction.beginErasure(erasure.id)
        _ = try transaction.suspend(erasure.person)
        return .signedOut(try transaction.revokeSessions(of: erasure.person, because: "account erased"))
    }

    private func erase(_ subject: DataSubject, as pseudonym: ID<Pseudonym>, in transaction: Transaction) throws {
        guard let person = try transaction.person(subject.person) else { return }
        let exports = try transaction.exports(of: subject.person).compactMap(\.fileName).map(ExportService.key)
        let places = try holdings.flatMap { try $0.places(subject, transaction) } + exports
        try mailer.discard(emailsTo: person.email, in: transaction)
        try queue.forget(
            organisations: subject.organisations.map(\.text),
            naming: [subject.person.text] + subject.organisations.map(\.text), in: transaction)
        for holding in holdings { try holding.erase(subject, pseudonym, transaction) }
        try audit.record(AuditEvent("account.erased", actor: pseudonym.text, subject: pseudonym.text), in: transaction)
        try mailer.send(Email("erased", to: person.email, values: ["name": person.fullName ?? ""]), in: transaction)
        for start in stride(from: 0, to: max(1, places.count), by: RemoveErasedFiles.placesMax) {
            let part = RemoveErasedFiles(
                places: places[start..<min(start + RemoveErasedFiles.placesMax, places.count)].map(\.segments))
            try queue.enqueue(part, in: transaction)
            try queue.enqueue(part, JobOptions(runAt: transaction.now + RemoveErasedFiles.again), in: transaction)
        }
    }
}
