package import Identity
package import Modules

/// Proof that the plan has enough units left for this work. The gate makes it; the service that does the work spends it
/// once, in the transaction of the work.
package struct Charge: Sendable {
    package let meter: Meter
    package let units: Int64
    package let mode: QuotaMode
    /// The terms that the gate has checked. The statement that takes the units checks that they are the current ones.
    let entitlement: Entitlement
    let limit: Limit

    init(meter: Meter, units: Int64, mode: QuotaMode = .durable, entitlement: Entitlement) {
        self.meter = meter
        self.units = units
        self.mode = mode
        self.entitlement = entitlement
        limit = entitlement.plan.limit(of: meter)
    }

    init(meter: Meter, units: Int64, mode: QuotaMode = .durable, snapshot: EntitlementSnapshot) {
        self.init(meter: meter, units: units, mode: mode, entitlement: snapshot.entitlement)
    }

    package var organisation: ID<Organisation> { entitlement.organisation }
    /// The plan of the terms.
    package var plan: Plan { entitlement.plan }
    var period: Period { entitlement.period }

    var bucket: Bucket { Bucket(organisation: organisation, meter: meter.name, periodStart: period.start) }

    /// The same charge for other units, which are known once the body is read. The statement that takes them checks the
    /// limit.
    package func taking(_ units: Int64) -> Charge {
        Charge(meter: meter, units: units, mode: mode, entitlement: entitlement)
    }

    /// The operation key of a request that carries the idempotency key `key`.
    package func operation(key: String) -> String { "\(meter.name):\(key)" }

    /// - Parameter plans: the names of those that include the meter, where that of the terms does not.
    func refusal(_ level: Level, plans: [String] = []) -> Problem {
        let left = max(0, limit.value - level.used - level.held)
        let taken =
            left == 0
            ? "All \(limit.value) of this period are"
            : "This takes \(units), and all but \(left) of \(limit.value) in this period are"
        return Problem(
            .quotaExceeded,
            title: "\(meter.title) limit reached",
            detail: plans.isEmpty
                ? "\(taken) used or reserved for work in progress. The next period begins at \(period.end)."
                : "This feature requires: \(plans.joined(separator: ", ")) plan",
            members: [
                "plan": .string(entitlement.plan.name), "limit": .integer(limit.value),
                "current_usage": .integer(level.used + level.held),
                "resets_at": .string(period.end.description),
            ]
        )
    }
}

extension Problem.Kind {
    package static let quotaExceeded = Self("quota-exceeded", "Limit reached", status: 403)
    package static let operationConflict = Self(
        "operation-conflict", "This idempotency key was used for another request", status: 409)
}
