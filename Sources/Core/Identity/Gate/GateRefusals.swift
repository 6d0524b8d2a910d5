import Audit
import Modules
import Synchronization

/// Writes down whom the gate turned away for their role, or for what their API key is not for: at once, and then at most once a minute for
/// each person and need, with how often it happened before. So nobody can fill the disk by knocking.
final class GateRefusals: Sendable {
    private struct Key: Hashable {
        let person: ID<Person>
        let need: String
    }

    private struct Pause {
        let until: Instant
        var count = 0
    }

    /// How many may pause at once; more are forgotten with their counts.
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

    /// - Parameter need: what was asked for.
    func note(_ scope: Scope, needing need: String, at call: Request) async throws(Problem) {
        guard !call.isDryRun else { return }
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
        var details = ["door": "\(call.method) \(call.path.prefix(200))", "role": scope.role.rawValue, "needed": need]
        if missed > 0 { details["before"] = "\(missed)" }
        let event = AuditEvent("access.refused", outcome: .refused, by: scope, subjectKind: "door", details: details)
        try await database.write { [audit] in try audit.record(event, in: $0) }
    }
}
