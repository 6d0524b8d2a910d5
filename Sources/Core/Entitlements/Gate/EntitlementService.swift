import HTTPTypes
import Identity
import Modules

/// Reads the entitlements of the organisation that a request acts in, for the requirements of the gate.
final class EntitlementService: Sendable {
    private let database: any Database
    private let member: Member
    private let plans: PlanCatalog
    private let cache: EntitlementCache
    private let levels: LevelCache
    private let runtime: Runtime

    init(
        database: any Database, member: Member, plans: PlanCatalog, cache: EntitlementCache, levels: LevelCache,
        runtime: Runtime
    ) {
        self.database = database
        self.member = member
        self.plans = plans
        self.cache = cache
        self.levels = levels
        self.runtime = runtime
    }

    /// The organisation that a request acts in: of its account, or the one that a service key names.
    /// - Throws: what the `member` requirement throws.
    func organisation(of request: Request) async throws(Problem) -> ID<Organisation> {
        if let service = request.context.value(of: ServiceScope.self) { return service.organisation }
        return try await member.scope(of: request).organisation
    }

    /// The account of a request; nil for a service key.
    /// - Throws: what the `member` requirement throws.
    func person(of request: Request) async throws(Problem) -> ID<Person>? {
        guard request.context.value(of: ServiceScope.self) == nil else { return nil }
        return try await member.scope(of: request).person
    }

    /// As ``organisation(of:)``, for requirements that must not refuse what the identity step of a route has admitted:
    /// a route may admit requests whose credential is no longer valid, such as the one that deletes a cookie.
    /// - Returns: nil for a request without a valid credential.
    /// - Throws: `not-a-member`; failures of the server.
    func organisationIfAny(of request: Request) async throws(Problem) -> ID<Organisation>? {
        do {
            return try await organisation(of: request)
        } catch {
            guard error.kind.status == 401 else { throw error }
            return nil
        }
    }

    /// The snapshot of the request's organisation: read from the database once per request, or at most a second old for
    /// GET and HEAD, which change nothing.
    /// - Throws: what the `member` requirement throws; `no-active-subscription`.
    func snapshot(for request: Request) async throws(Problem) -> EntitlementSnapshot {
        guard let snapshot = try await snapshotIfSubscribed(for: request) else { throw Self.noActiveSubscription }
        return snapshot
    }

    /// As ``snapshot(for:)``, read from the database within this request, whatever its method.
    func currentSnapshot(for request: Request) async throws(Problem) -> EntitlementSnapshot {
        guard let snapshot = try await currentSnapshotIfSubscribed(for: request) else {
            throw Self.noActiveSubscription
        }
        return snapshot
    }

    /// As ``snapshot(for:)``, for routes that need no subscription.
    /// - Returns: nil for an organisation without an active subscription.
    /// - Throws: what the `member` requirement throws.
    func snapshotIfSubscribed(for request: Request) async throws(Problem) -> EntitlementSnapshot? {
        guard request.method == .get || request.method == .head else {
            return try await currentSnapshotIfSubscribed(for: request)
        }
        if let known = request.context.value(of: EntitlementSnapshot.self) { return known }
        // Not set in the context, which has what was read within the request.
        if let known = cache.snapshot(of: try await organisation(of: request), at: runtime.now()) { return known }
        return try await currentSnapshotIfSubscribed(for: request)
    }

    private func currentSnapshotIfSubscribed(for request: Request) async throws(Problem) -> EntitlementSnapshot? {
        if let known = request.context.value(of: EntitlementSnapshot.self) { return known }
        let snapshot = try await readSnapshot(of: try await organisation(of: request))
        if let snapshot { request.context.set(snapshot) }
        return snapshot
    }

    /// A snapshot that is at most a second old, for an answer that takes nothing.
    /// - Returns: nil for an organisation without an active subscription.
    /// - Throws: failures of the server.
    func recentSnapshot(of organisation: ID<Organisation>) async throws(Problem) -> EntitlementSnapshot? {
        if let known = cache.snapshot(of: organisation, at: runtime.now()) { return known }
        return try await readSnapshot(of: organisation)
    }

    private func readSnapshot(of organisation: ID<Organisation>) async throws(Problem) -> EntitlementSnapshot? {
        let (now, changeCount) = (runtime.now(), cache.snapshots.changeCount(of: organisation))
        let snapshot = try await database.read { [plans] in try plans.snapshot(of: organisation, in: $0) }
        if let snapshot {
            cache.set(snapshot.entitlement, at: now)
            cache.snapshots.set(snapshot, at: now, after: changeCount)
        }
        return snapshot
    }

    /// What holds without a plan.
    var allowance: DefaultAllowance { plans.allowance }

    /// The entitlement of the request's organisation, for work whose transaction checks it again: from memory, or read
    /// from the database.
    /// - Throws: as ``snapshot(for:)``.
    func entitlement(for request: Request) async throws(Problem) -> Entitlement {
        if let known = request.context.value(of: EntitlementSnapshot.self) { return known.entitlement }
        let organisation = try await organisation(of: request)
        let now = runtime.now()
        if let known = cache.value(for: organisation, at: now) { return known }
        guard let entitlement = try await read(organisation, at: now) else { throw Self.noActiveSubscription }
        return entitlement
    }

    /// The entitlement of the request's organisation, at most a second old where another node has changed it.
    /// - Throws: as ``snapshot(for:)``.
    func recentEntitlement(for request: Request) async throws(Problem) -> Entitlement {
        if let known = request.context.value(of: EntitlementSnapshot.self) { return known.entitlement }
        guard let entitlement = try await recentEntitlement(of: try await organisation(of: request)) else {
            throw Self.noActiveSubscription
        }
        return entitlement
    }

    /// The absence of a subscription is not kept in memory: a plan applies as soon as there is one.
    private func recentEntitlement(of organisation: ID<Organisation>) async throws(Problem) -> Entitlement? {
        let now = runtime.now()
        if let known = cache.recentValue(for: organisation, at: now) { return known }
        return try await read(organisation, at: now)
    }

    private func read(_ organisation: ID<Organisation>, at now: Instant) async throws(Problem) -> Entitlement? {
        let entitlement = try await database.read { [plans] in try plans.entitlement(of: organisation, in: $0) }
        if let entitlement { cache.set(entitlement, at: now) }
        return entitlement
    }

    /// A charge from memory, for work whose transaction checks limit and terms again.
    /// - Returns: nil where more than half of the limit is taken, or the level is not known: it is to be read then.
    /// - Throws: what the `member` requirement throws.
    func knownCharge(_ meter: Meter, units: Int64, for request: Request) async throws(Problem) -> Charge? {
        guard request.context.value(of: EntitlementSnapshot.self) == nil else { return nil }
        let organisation = try await organisation(of: request)
        guard let entitlement = cache.value(for: organisation, at: runtime.now()) else { return nil }
        let charge = Charge(meter: meter, units: units, entitlement: entitlement)
        return levels.hasRoom(for: charge) ? charge : nil
    }

    /// Keeps the level of a snapshot for ``knownCharge(_:units:for:)``.
    func set(_ level: Level, of bucket: Bucket) { levels.set(level, of: bucket, at: runtime.now()) }

    private static var noActiveSubscription: Problem {
        Problem(
            .noActiveSubscription,
            detail: "Start a plan first: POST /v1/payments/subscribe with {\"plan\": \"free\"} needs no payment.")
    }

    /// The names of the plans that include the meter of a charge, from the smallest to the largest, without trials.
    /// - Returns: none where the plan of the charge includes it.
    func plans(including charge: Charge) -> [String] {
        guard charge.limit == .upTo(0) else { return [] }
        return plans.current.plans.filter { $0.start != .trial && $0.limit(of: charge.meter) != .upTo(0) }.map(\.name)
    }

    /// The plan of an organisation for rate limits, at most a second old where another node has changed it. Without a
    /// subscription the rates of no plan bound the reads.
    func plan(of organisation: ID<Organisation>, for request: Request) async throws(Problem) -> Plan? {
        if let snapshot = request.context.value(of: EntitlementSnapshot.self) { return snapshot.plan }
        return try await recentEntitlement(of: organisation)?.plan
    }

    /// The units that are still reserved though their lease has ended: work that takes units gets them.
    func unitsOfEndedLeases(in bucket: Bucket) async throws(Problem) -> Int64 {
        try await database.read { try $0.unitsOfEndedLeases(in: bucket) }
    }

    /// Whether work with this operation key was admitted before.
    func isAdmitted(operation: String, of organisation: ID<Organisation>) async throws(Problem) -> Bool {
        try await database.read { try $0.isAdmitted(operation: operation, of: organisation) }
    }
}
