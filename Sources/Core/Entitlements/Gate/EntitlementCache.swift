import Identity
import Modules

/// Entitlements in memory, for calls whose own transaction checks them again: an entry that is out of date costs that
/// transaction a second try, and admits nothing that the current terms do not.
final class EntitlementCache: Sendable {
    /// A bound on memory and on how often an outdated entry costs the second try. No notification is needed.
    static let lifetime: Duration = .seconds(60)

    private let plans: PlanCatalog
    private let entitlements = TTLCache<ID<Organisation>, Entitlement>(lifetime: lifetime)

    init(plans: PlanCatalog) { self.plans = plans }

    /// - Returns: nil where the caller has to read it, and to ``set(_:at:)`` it.
    func value(for organisation: ID<Organisation>, at now: Instant) -> Entitlement? {
        guard let known = entitlements.value(for: organisation, at: now), now < known.validUntil,
            known.basis.planVersions == plans.versionCount
        else { return nil }
        return known
    }

    /// - Parameters:
    ///   - entitlement: as a read found it. A transaction that writes may read what it rolls back.
    ///   - now: when the read began.
    func set(_ entitlement: Entitlement, at now: Instant) {
        entitlements.set(entitlement, for: entitlement.organisation, at: now)
    }

    /// Drops what a transaction of this node changes.
    func invalidate(_ organisation: ID<Organisation>, after transaction: Transaction) {
        transaction.afterCommit { [entitlements] in entitlements.invalidate(organisation) }
    }

    /// The charge in the current terms of subscription and plans.
    /// - Returns: nil where it has them already.
    /// - Throws: `no-active-subscription`.
    func renewed(_ charge: Charge, in transaction: Transaction) throws -> Charge? {
        try plans.synchronize(in: transaction)
        guard let current = try plans.entitlement(of: charge.organisation, in: transaction) else {
            entitlements.invalidate(charge.organisation)
            throw Problem(.noActiveSubscription)
        }
        guard current.basis != charge.entitlement.basis || transaction.now >= charge.entitlement.validUntil else {
            return nil
        }
        entitlements.invalidate(charge.organisation)
        return Charge(meter: charge.meter, units: charge.units, mode: charge.mode, entitlement: current)
    }
}
