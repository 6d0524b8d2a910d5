import Identity
import Modules

/// Reads the entitlements of the organisation that a request acts in, for the requirements of the gate.
final class EntitlementService: Sendable {
    private let database: any Database
    private let member: Member
    private let plans: PlanCatalog
    private let cache: EntitlementCache
    private let runtime: Runtime
    private let subscriptions = TTLCache<ID<Organisation>, Subscription>(lifetime: .seconds(2))

    init(
        database: any Database, member: Member, plans: PlanCatalog, cache: EntitlementCache, runtime: Runtime
    ) {
        self.database = database
        self.member = member
        self.plans = plans
        self.cache = cache
        self.runtime = runtime
    }

    /// The organisation that a request acts in: of its account, or the one that a service key names.
    /// - Throws: what the `member` requirement throws.
    func organisation(of request: Request) async throws(Problem) -> ID<Organisation> {
        if let service = request.context.value(of: ServiceScope.self) { return service.organisation }
        return try await member.scope(of: request).organisation
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

    /// The snapshot of the request's organisation; read from the database once per request.
    /// - Throws: what the `member` requirement throws; `no-active-subscription`.
    func snapshot(for request: Request) async throws(Problem) -> EntitlementSnapshot {
        guard let snapshot = try await snapshotIfSubscribed(for: request) else { throw Self.noActiveSubscription }
        return snapshot
    }

    /// As ``snapshot(for:)``, for routes that need no subscription.
    /// - Returns: nil for an organisation without an active subscription.
    /// - Throws: what the `member` requirement throws.
    func snapshotIfSubscribed(for request: Request) async throws(Problem) -> EntitlementSnapshot? {
        if let known = request.context.value(of: EntitlementSnapshot.self) { return known }
        let organisation = try await organisation(of: request)
        let snapshot = try await database.read { [plans] in try plans.snapshot(of: organisation, in: $0) }
        if let snapshot { request.context.set(snapshot) }
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
        let entitlement = try await database.read { [plans] in try plans.entitlement(of: organisation, in: $0) }
        guard let entitlement else { throw Self.noActiveSubscription }
        cache.set(entitlement, at: now)
        return entitlement
    }

    private static var noActiveSubscription: Problem {
        Problem(
            .noActiveSubscription,
            detail: "Start a plan first: POST /v1/payments/subscribe with {\"plan\": \"free\"} needs no payment.")
    }

    /// The plan of an organisation for rate limits. Every route with a rate reads it, so that the subscription may be
    /// up to two seconds old. The absence of a subscription is not cached: the plan's rates apply as soon as there is
    /// one, and the rates of no plan bound the reads.
    func plan(of organisation: ID<Organisation>, for request: Request) async throws(Problem) -> Plan? {
        if let snapshot = request.context.value(of: EntitlementSnapshot.self) { return snapshot.plan }
        let now = runtime.now()
        if let known = subscriptions.value(for: organisation, at: now) {
            return plans.activePlan(of: known, at: now)?.0
        }
        guard let subscription = try await database.read({ try $0.subscription(of: organisation) }) else { return nil }
        subscriptions.set(subscription, for: organisation, at: now)
        return plans.activePlan(of: subscription, at: now)?.0
    }

    /// Whether work with this operation key was admitted before.
    func isAdmitted(operation: String, of organisation: ID<Organisation>) async throws(Problem) -> Bool {
        try await database.read { try $0.isAdmitted(operation: operation, of: organisation) }
    }
}
