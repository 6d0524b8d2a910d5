import Identity
import Modules
import Secrets

extension EntitlementsModule {
    /// For products that live elsewhere: asking, and holding units for work of theirs.
    var remoteRoutes: [Route] {
        let doors: [Route] = [
            .post(
                "entitlements/check",
                "Whether the plan has room for some units, or has a feature; nothing is taken",
                requires: identity.member.allowing(.entitlementsCheck),
                problems: [.unknownMeter, .notAMember]
            ) { (question: EntitlementQuestion, scope) in try await answer(question, scope: scope) },
            .post(
                "entitlements/reservations",
                "Hold units for work that is done elsewhere",
                requires: identity.member.allowing(.entitlementsReserve), subscription,
                problems: [.unknownMeter, .quotaExceeded, .operationConflict]
            ) { (request: RemoteHold, scope, standing) in
                Created(try await hold(request, standing: standing, scope: scope))
            },
            .post(
                "entitlements/reservations/{id}/commit",
                "The work is done: its units are used",
                requires: identity.member.allowing(.entitlementsReserve), .path("id", of: Reservation.self),
                problems: [.reservationSettled]
            ) { (request: RemoteCommit, scope, id) in try await commit(id, request, scope: scope) },
            .post(
                "entitlements/reservations/{id}/release",
                "The work came to nothing: its units are free again",
                requires: identity.member.allowing(.entitlementsReserve), .path("id", of: Reservation.self),
                problems: [.reservationSettled]
            ) { scope, id in try await release(id, scope: scope) },
            .post(
                "entitlements/reservations/{id}/heartbeat",
                "The work goes on: its lease begins anew",
                requires: identity.member.allowing(.entitlementsReserve), .path("id", of: Reservation.self),
                problems: [.reservationSettled]
            ) { (request: RemoteHeartbeat, scope, id) in try await keepAlive(id, request, scope: scope) },
        ]
        return doors.map { $0.guarded(by: rate(.checks)) }
    }
}

struct EntitlementQuestion: Payload {
    /// This, or else a feature.
    var meter: String?
    var feature: String?
    /// 1, unless it is said.
    var units: Int64?
    /// The caller's own, for those who like to say it.
    var organisationId: ID<Organisation>?

    static let rules: [String: Rule] = [
        "meter": .length(1...64), "feature": .length(1...64), "units": .range(1...UsageEvent.amountMax),
    ]
}

struct EntitlementAnswer: Payload {
    var allowed: Bool
    var meter: String?
    var feature: String?
    var units: Int64?
    var plan: String?
    var limit: Limit?
    var used: Int64?
    /// Promised to work that has not ended yet.
    var held: Int64?
    /// −1 where there is no limit.
    var remaining: Int64?
    var resetsAt: Instant?
    /// What a door would refuse it with.
    var refusal: ExplainedProblem?

    init(
        _ question: EntitlementQuestion, standing: EntitlementSnapshot?, level: (limit: Limit, now: Level)?,
        refusal: Problem?
    ) {
        allowed = refusal == nil
        meter = question.meter
        feature = question.feature
        units = question.meter == nil ? nil : question.units ?? 1
        plan = standing?.plan.name
        self.refusal = refusal.map { ExplainedProblem($0) }
        guard let standing, let level else { return }
        limit = level.limit
        used = level.now.used
        held = level.now.held
        remaining = level.now.remaining(of: level.limit)
        resetsAt = standing.period.end
    }
}

struct RemoteHold: Payload {
    var meter: String
    /// 1, unless it is said.
    var units: Int64?
    /// The caller's own name for the work: the same name is held for once.
    var operation: String
    /// How long the units are held without a word from the work.
    var leaseSeconds: Int64?

    static let rules: [String: Rule] = [
        "meter": .length(1...64), "units": .range(1...UsageEvent.amountMax), "operation": .length(1...255),
        "lease_seconds": .range(RemoteReservation.leaseSecondsRange),
    ]

    var operationKey: String { RemoteReservation.operationMark + operation }
    var fingerprint: String { Digest.hex("\(units ?? 1) \(leaseSeconds.map { "\($0)" } ?? "-") \(meter)") }
}

struct RemoteCommit: OptionalBody {
    /// How many units the work took, 0 if none; what was reserved, unless it is said.
    var units: Int64?

    static let rules: [String: Rule] = ["units": .range(0...UsageEvent.amountMax)]
}

struct RemoteHeartbeat: OptionalBody {
    var leaseSeconds: Int64?

    static let rules: [String: Rule] = ["lease_seconds": .range(RemoteReservation.leaseSecondsRange)]
}

struct RemoteReservationView: Payload {
    var id: ID<Reservation>
    var operation: String
    var meter: String
    var units: Int64
    var state: String
    var leaseUntil: Instant
    /// The period that it is counted in: that of its beginning.
    var periodStart: Instant
    /// What was charged in the end.
    var used: Int64?
    /// Whether that went over the limit, because the lease had run out.
    var isOverrun: Bool

    init(_ reservation: RemoteReservation) {
        id = reservation.id
        operation = String(reservation.operation.dropFirst(RemoteReservation.operationMark.count))
        meter = reservation.meter
        units = reservation.units
        state = reservation.state.rawValue
        leaseUntil = reservation.leaseUntil
        periodStart = reservation.periodStart
        used = reservation.used
        isOverrun = reservation.isOverrun
    }
}
