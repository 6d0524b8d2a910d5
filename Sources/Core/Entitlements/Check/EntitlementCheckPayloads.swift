import Identity
import Modules

struct EntitlementCheck: Payload {
    /// A meter or a feature; exactly one of them.
    var meter: String?
    var feature: String?
    /// Defaults to 1.
    var units: Int64?
    /// Must be the caller's own organisation, which is the default.
    var organisationId: ID<Organisation>?

    static let rules: [String: Rule] = [
        "meter": .length(1...64), "feature": .length(1...64), "units": .range(1...UsageEvent.amountMax),
    ]
}

struct EntitlementCheckResult: Payload {
    var allowed: Bool
    var meter: String?
    var feature: String?
    var units: Int64?
    var plan: String?
    var limit: Limit?
    var used: Int64?
    /// Units reserved for work in progress.
    var held: Int64?
    /// −1 where the limit is unlimited.
    var remaining: Int64?
    var resetsAt: Instant?
    /// The problem that an endpoint with this requirement would answer with.
    var refusal: ExplainedProblem?

    init(
        _ check: EntitlementCheck, snapshot: EntitlementSnapshot?, level: (limit: Limit, now: Level)?,
        refusal: Problem?
    ) {
        allowed = refusal == nil
        meter = check.meter
        feature = check.feature
        units = check.meter == nil ? nil : check.units ?? 1
        plan = snapshot?.plan.name
        self.refusal = refusal.map { ExplainedProblem($0) }
        guard let snapshot, let level else { return }
        limit = level.limit
        used = level.now.used
        held = level.now.held
        remaining = level.now.remaining(of: level.limit)
        resetsAt = snapshot.period.end
    }
}
