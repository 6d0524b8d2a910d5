import Audit
import Files
import Mail
import Modules

/// Somebody's wish to be forgotten.
struct Erasure: Sendable {
    let id: ID<Erasure>
    let person: ID<Person>
    let requestedAt: Instant
    let dueAt: Instant
    let begunAt: Instant?

    /// How long there is to change one's mind.
    static let grace: Duration = .days(14)
    /// How long a person is signed out before their rows go: by then every node has heard of it.
    static let signingOut: Duration = .minutes(1)
    /// How long an erasure waits that would leave an organisation without an owner.
    static let postponement: Duration = .days(1)
}

/// The verbs of erasures: ask for one, look at it, change one's mind.
struct Erasures: Sendable {
    let database: any Database
    let holdings: [Holding]
    let files: FileStore
    let confirmation: Confirmation
    let revocations: Revocations
    let queue: JobQueue
    let post: Post
    let audit: AuditModule
    let address: String
    let runtime: Runtime

    /// Schedules an erasure. Asking again changes nothing.
    /// - Throws: what ``Confirmation`` throws; `sole-owner`.
    func request(_ request: ErasureRequest, scope: Scope) async throws(Problem) -> ErasureView {
        let id: ID<Erasure> = runtime.id()
        return try await confirmation.confirm(password: request.password, by: scope, for: "erasure.requested") {
            [audit, post, address] person, transaction in
            guard try transaction.organisationsOwnedAlone(by: scope.person) == 0 else {
                throw Problem(.soleOwner, detail: "Make somebody else an owner of it first, or remove its other members.")
            }
            let isNew = try transaction.insertErasure(id, of: scope.person)
            guard let erasure = try transaction.erasure(of: scope.person) else { throw Problem(.notFound) }
            if isNew {
                try audit.record(AuditEvent("erasure.requested", by: scope, subject: scope.person.text), in: transaction)
                try post.send(
                    Letter(
                        "erasure-scheduled", to: person.email,
                        values: ["name": person.fullName ?? "", "when": erasure.dueAt.description, "link": "\(address)/account/erasure"]),
                    in: transaction
                )
            }
            return ErasureView(erasure)
        }
    }

    func view(_ scope: Scope) async throws(Problem) -> ErasureView {
        ErasureView(try await database.read { try $0.erasure(of: scope.person) })
    }

    /// Calls it off. Where nothing was scheduled nothing changes.
    func cancel(_ scope: Scope) async throws(Problem) -> ErasureView {
        try await database.write { [audit] transaction in
            if try transaction.cancelErasure(of: scope.person) {
                try audit.record(AuditEvent("erasure.cancelled", by: scope, subject: scope.person.text), in: transaction)
            }
            return ErasureView(try transaction.erasure(of: scope.person))
        }
    }
}

extension ErasureView {
    init(_ erasure: Erasure?) {
        scheduled = erasure != nil
        requestedAt = erasure?.requestedAt
        dueAt = erasure?.dueAt
    }
}
