import Audit
import HTTPTypes
import Modules
import Synchronization

/// Records in the audit trail what the gate refused, such as a role, a key's scope or an impersonation, and what is
/// changed under impersonation.
///
/// The first refusal of one requirement to a person or a service key is recorded at once, later ones at most once a
/// minute with their count, which bounds the growth of the audit trail by refused requests.
final class RefusalRecorder: Sendable {
    private struct Key: Hashable {
        /// The id of a person or of a service key.
        let caller: String
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
        try await note(scope.person.text, needing: need, at: request) { details in
            AuditEvent(
                "access.refused", outcome: .refused, by: scope, subjectKind: "endpoint",
                details: details.merging(["role": scope.role.rawValue]) { $1 })
        }
    }

    /// - Parameters:
    ///   - key: the id of a service key that exists; it need not be valid.
    ///   - need: the scope, or what the key lacks otherwise.
    func note(serviceKey key: String, needing need: String, at request: Request) async throws(Problem) {
        let client = ClientInfo(address: request.address, requestID: request.requestID, userAgent: nil)
        try await note(key, needing: need, at: request) { details in
            AuditEvent(
                "access.refused", outcome: .refused, from: client, subjectKind: "service-key", subject: key,
                details: details)
        }
    }

    /// Records an unsafe request under impersonation, before it runs: what an administrator changes in the name of a
    /// person has a row in every product.
    func noteChange(by scope: Scope, at request: Request) async throws(Problem) {
        guard !request.isDryRun, ![.get, .head, .options].contains(request.method) else { return }
        let event = AuditEvent(
            "impersonation.request", by: scope, subjectKind: "endpoint",
            details: ["endpoint": Self.endpoint(of: request)])
        try await database.write { [audit] in try audit.record(event, in: $0) }
    }

    private func note(
        _ caller: String, needing need: String, at request: Request, as event: ([String: String]) -> AuditEvent
    ) async throws(Problem) {
        guard !request.isDryRun, let missed = missedSinceLastRow(of: Key(caller: caller, need: need)) else { return }
        var details = ["endpoint": Self.endpoint(of: request), "needed": need]
        if missed > 0 { details["before"] = "\(missed)" }
        let row = event(details)
        try await database.write { [audit] in try audit.record(row, in: $0) }
    }

    private static func endpoint(of request: Request) -> String { "\(request.method) \(request.path.prefix(200))" }

    /// - Returns: how many refusals had no row since the last one; nil where this one has none either.
    private func missedSinceLastRow(of key: Key) -> Int? {
        let now = runtime.now()
        return pauses.withLock { pauses in
            if let pause = pauses[key], now < pause.until {
                pauses[key]?.count += 1
                return nil
            }
            if pauses.count >= Self.pausesMax { pauses = pauses.filter { now < $0.value.until } }
            if pauses.count >= Self.pausesMax { pauses.removeAll() }
            return pauses.updateValue(Pause(until: now + Self.pause), forKey: key)?.count ?? 0
        }
    }
}
