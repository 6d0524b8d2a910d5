import Identity
package import Modules
package import Rates

/// The rates that the caller's plan has for a class of calls, or that the door itself has for every organisation.
package struct RateRequirement: Middleware {
    enum Source {
        /// The caller's plan.
        case plan(RateClass)
        /// The door, whatever the plan.
        case door(RatePolicy)
    }

    let source: Source
    let cost: Int64
    let entitlements: EntitlementsModule

    package var phase: RequestPhase { .rate }
    package var problems: [Problem.Kind] { [.rateLimited] }
    package var summary: RequirementSummary {
        switch source {
        case .plan(let rateClass): RequirementSummary(.rate, "plan-\(rateClass.name)")
        case .door(let policy): RequirementSummary(.rate, policy.name)
        }
    }

    package func check(_ call: Request) async throws(Problem) {
        guard entitlements.limiter.isEnabled else { return }
        // Whether this door is open to the caller's kind of credential, the requirement before this one has decided.
        let scope = try await entitlements.identity.member.scope(of: call)
        let policy: RatePolicy
        switch source {
        case .plan(let rateClass):
            let plan = try await entitlements.plan(of: scope.organisation, for: call)
            policy = RatePolicy("plan-\(rateClass.name)", plan?.rates(of: rateClass) ?? .ofNoPlan)
        case .door(let own): policy = own
        }
        try await entitlements.limiter.take(cost, of: policy, from: scope.organisation.text, for: call)
    }
}

extension EntitlementsModule {
    /// Limits calls as the caller's plan says; all of one organisation together.
    /// - Parameter cost: units that each call takes, at least 1.
    package func rate(_ rateClass: RateClass = .default, cost: Int64 = 1) -> RateRequirement {
        precondition(cost > 0, "a call that costs nothing needs no rate")
        return RateRequirement(source: .plan(rateClass), cost: cost, entitlements: self)
    }

    /// Limits calls of each organisation alike, whatever its plan: `rate("exports", .perMinute(10), .perHour(100))`.
    /// - Parameter name: what the limit is called in header fields and metrics; doors that give the same name and rates share it.
    package func rate(_ name: String, _ rates: Rate..., cost: Int64 = 1) -> RateRequirement {
        precondition(cost > 0, "a call that costs nothing needs no rate")
        guard let rates = Rates(rates) else {
            preconditionFailure("'\(name)' has one to \(Rates.countMax) rates with windows of their own")
        }
        return RateRequirement(source: .door(RatePolicy(name, rates)), cost: cost, entitlements: self)
    }

    /// The plan whose rates hold. The subscription may be two seconds old: a rate is asked for at every door, and the database is not. Who has none
    /// is looked up each time, which their rate bounds, and has the plan's rates as soon as there is one.
    func plan(of organisation: ID<Organisation>, for call: Request) async throws(Problem) -> Plan? {
        if let standing = call.context.value(of: EntitlementSnapshot.self) { return standing.plan }
        let now = runtime.now()
        if let known = subscriptionCache.value(for: organisation, at: now) { return plans.holding(known, at: now)?.0 }
        guard let subscription = try await database.read({ try $0.subscription(of: organisation) }) else { return nil }
        subscriptionCache.remember(subscription, for: organisation, at: now)
        return plans.holding(subscription, at: now)?.0
    }
}

/// The subscriptions of those who called lately.
typealias SubscriptionCache = TTLCache<ID<Organisation>, Subscription>
