package import Identity
package import Modules

/// Charges of work that no request starts, such as that of a schedule: there is no gate that could make them. They are
/// spent in the same transaction.
package struct UnattendedCharges: Sendable {
    let plans: PlanCatalog

    /// - Throws: `subscription-required`.
    package func credits(_ units: Int64, of organisation: ID<Organisation>, in transaction: Transaction) throws
        -> CreditCharge
    {
        let isTrial = try snapshot(of: organisation, in: transaction).subscription.status == .trialing
        return CreditCharge(units: units, organisation: organisation, isTrial: isTrial, isCovered: !isTrial)
    }

    /// - Throws: `subscription-required`.
    package func units(
        _ units: Int64, of meter: Meter, in organisation: ID<Organisation>, _ transaction: Transaction
    ) throws -> Charge {
        Charge(meter: meter, units: units, snapshot: try snapshot(of: organisation, in: transaction))
    }

    /// What work of a product without plans may take: as the gate says for a request (``AllowanceRequirement``).
    package func allowance(of meter: Meter, in organisation: ID<Organisation>, _ transaction: Transaction) throws
        -> QuotaAllowance
    {
        guard let snapshot = try plans.snapshot(of: organisation, in: transaction),
            snapshot.plan.limits[meter.name] != nil
        else { return .allowance(plans.allowance.limit(of: meter)) }
        return .charge(Charge(meter: meter, units: 1, snapshot: snapshot))
    }

    private func snapshot(of organisation: ID<Organisation>, in transaction: Transaction) throws -> EntitlementSnapshot
    {
        guard let snapshot = try plans.snapshot(of: organisation, in: transaction) else {
            throw Problem(.subscriptionRequired)
        }
        return snapshot
    }
}
