import Audit
import Modules
import Synchronization

/// Records in the audit trail that the gate refused a role or an API key's scope.
///
/// A person's first refusal of a requirement is recorded at once, later ones at most once a minute with their count,
/// which bounds the growth of the audit trail by refused requests.
final class RefusalRecorder: Sendable {
    private struct Key: Hashable {
        let person: ID<Person>
        let need: String
    }

    private struct Pause {
        let until: Instant
        var count = 0
    }

    /// How many pauses are kept; beyond that all are dropped with their counts.
    private static let pausesMax = 10_000
    private static let pause: Duration = .minutes(1)

    private let database: any Database
    private let audit: AuditService
    private let runtime: Runtime
    private let pauses = Mutex<[Key: Pause]>([:])

    init(database: any Database, audit: AuditService, runtime: Runtime) {
        self.database = database
        self.audit = audit
        self.runtime = runtime
    }

    /// - Parameter need: the role or the scope that is required.
    func note(_ scope: Scope, needing need: String, at request: Request) async throws(Problem) {
        guard !request.isDryRun else { return }
        let key = Key(person: scope.person, need: need), now = runtime.now()
        let missed: Int? = pauses.withLock { pauses in
            if let pause = pauses[key], now < pause.until {
                pauses[key]?.count += 1
                return nil
            }
            if pauses.count >= Self.pausesMax { pauses = pauses.filter { now < $0.value.until } }
            if pauses.count >= Self.pausesMax { pauses.removeAll() }
            return pauses.updateValue(Pause(until: now + Self.pause), forKey: key)?.count ?? 0
        }
        guard let missed else { return }
        var details = [
            "endpoint": "\(request.method) \(request.path.prefix(200))", "role": scope.role.rawValue, "needed": need,
        ]
        if missed > 0 { details["before"] = "\(missed)" }
        let event = AuditEvent(
            "access.refused", outcome: .refused, by: scope, subjectKind: "endpoint", details: details)
        try await database.write { [audit] in try audit.record(event, in: $0) }
    }
}
