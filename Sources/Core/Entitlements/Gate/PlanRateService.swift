import Identity
import Modules
import Rates
import Synchronization

/// Applies rate limits to the organisation that a request acts in; to the account of a request in an organisation
/// without a plan, and to the network of one without a valid credential.
final class PlanRateService: Sendable {
    private let limiter: RateLimiter
    private let entitlements: EntitlementService
    /// The policies of the plans' rates, by name. A request makes none.
    private let policies = Mutex<[String: [RatePolicy]]>([:])

    /// Policies of one name that are kept: as many as plans and their versions have different rates.
    private static let policiesMax = 64

    init(limiter: RateLimiter, entitlements: EntitlementService) {
        self.limiter = limiter
        self.entitlements = entitlements
    }

    /// Takes `cost` units of the rate.
    /// - Throws: `rate-limited`; failures of the server.
    func take(_ cost: Int64, of source: RateRequirement.Source, for request: Request) async throws(Problem) {
        guard limiter.isEnabled else { return }
        // The requirement before this one has decided whether the route accepts the kind of credential.
        let organisation = try await entitlements.organisationIfAny(of: request)
        let plan = try await self.plan(of: organisation, for: request)
        let policy =
            switch source {
            case .plan(let rateClass):
                self.policy("plan-\(rateClass.name)", entitlements.allowance.rates(of: rateClass, under: plan))
            case .route(let own): own
            }
        try await limiter.take(cost, of: policy, from: subject(organisation, plan, request), for: request)
    }

    /// Whose requests count together. Anybody can create organisations, which have no plan at first: those of one
    /// account have one rate together, or each would be another one. A plan is paid for, or starts once per person.
    private func subject(_ organisation: ID<Organisation>?, _ plan: Plan?, _ request: Request) -> String {
        guard let organisation else { return request.network }
        // A service key acts in the organisation that it names, for no account.
        guard plan == nil, let scope = request.context.value(of: Scope.self) else { return organisation.text }
        return scope.person.text
    }

    private func plan(of organisation: ID<Organisation>?, for request: Request) async throws(Problem) -> Plan? {
        guard let organisation else { return nil }
        return try await entitlements.plan(of: organisation, for: request)
    }

    /// The rates of unsafe requests that the caller's plan lists, or else those that hold without a plan.
    /// - Returns: nil where neither lists them.
    /// - Throws: failures of the server.
    func writePolicy(for request: Request) async throws(Problem) -> RatePolicy? {
        let plan = try await self.plan(of: try await entitlements.organisationIfAny(of: request), for: request)
        return entitlements.allowance.listedRates(of: .writes, under: plan).map { policy(WriteRateLimit.name, $0) }
    }

    private func policy(_ name: String, _ rates: Rates) -> RatePolicy {
        policies.withLock { policies in
            var known = policies[name] ?? []
            if let policy = known.first(where: { $0.rates == rates }) { return policy }
            let policy = RatePolicy(name, rates)
            if known.count >= Self.policiesMax { known = [] }
            known.append(policy)
            policies[name] = known
            return policy
        }
    }

    /// A requirement of the caller's plan's rates.
    func requirement(_ rateClass: RateClass, cost: Int64 = 1) -> RateRequirement {
        precondition(cost > 0, "the cost of a request is at least 1")
        return RateRequirement(source: .plan(rateClass), cost: cost, rates: self)
    }

    /// A requirement of rates that are the same for every organisation.
    func requirement(_ name: String, _ rates: [Rate], cost: Int64 = 1) -> RateRequirement {
        precondition(cost > 0, "the cost of a request is at least 1")
        guard let rates = Rates(rates) else {
            preconditionFailure("'\(name)' has one to \(Rates.countMax) rates, each with another window")
        }
        return RateRequirement(source: .route(RatePolicy(name, rates)), cost: cost, rates: self)
    }
}
