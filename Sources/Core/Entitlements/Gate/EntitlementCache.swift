import Identity
import Modules

/// Entitlements in memory. A change by this node is seen at once.
final class EntitlementCache: Sendable {
    /// For calls whose own transaction checks the terms again: an entry that is out of date costs that transaction a
    /// second try, and admits nothing that the current terms do not. No notification is needed.
    static let lifetime: Duration = .seconds(60)
    /// For features and rates, which nothing checks again: how long a change by another node takes.
    static let recentLifetime: Duration = .seconds(1)

    private let plans: PlanCatalog
    private let entitlements = TTLCache<ID<Organisation>, Entitlement>(lifetime: lifetime)
    private let recent = TTLCache<ID<Organisation>, Entitlement>(lifetime: recentLifetime)
    let snapshots = SnapshotCache()

    init(plans: PlanCatalog) { self.plans = plans }

    /// - Returns: nil where the caller has to read it, and to ``set(_:at:)`` it.
    func value(for organisation: ID<Organisation>, at now: Instant) -> Entitlement? {
        valid(entitlements.value(for: organisation, at: now), at: now)
    }

    /// As ``value(for:at:)``, at most ``recentLifetime`` old.
    func recentValue(for organisation: ID<Organisation>, at now: Instant) -> Entitlement? {
        valid(recent.value(for: organisation, at: now), at: now)
    }

    /// The entitlement with the usage, at most ``SnapshotCache/lifetime`` old.
    func snapshot(of organisation: ID<Organisation>, at now: Instant) -> EntitlementSnapshot? {
        guard let snapshot = snapshots.value(for: organisation, at: now), valid(snapshot.entitlement, at: now) != nil
        else { return nil }
        return snapshot
    }

    private func valid(_ entitlement: Entitlement?, at now: Instant) -> Entitlement? {
        guard let entitlement, now < entitlement.validUntil, entitlement.basis.planVersions == plans.versionCount
        else { return nil }
        return entitlement
    }

    /// - Parameters:
    ///   - entitlement: as a read found it. A transaction that writes may read what it rolls back.
    ///   - now: when the read began.
    func set(_ entitlement: Entitlement, at now: Instant) {
        entitlements.set(entitlement, for: entitlement.organisation, at: now)
        recent.set(entitlement, for: entitlement.organisation, at: now)
    }

    /// Drops what a transaction of this node changes.
    func invalidate(_ organisation: ID<Organisation>, after transaction: Transaction) {
        transaction.afterCommit { [self] in invalidate(organisation) }
    }

    private func invalidate(_ organisation: ID<Organisation>) {
        entitlements.invalidate(organisation)
        recent.invalidate(organisation)
        snapshots.invalidate(organisation)
    }

    /// The charge in the current terms of subscription and plans.
    /// - Returns: nil where it has them already.
    /// - Throws: `no-active-subscription`.
    func renewed(_ charge: Charge, in transaction: Transaction) throws -> Charge? {
        try plans.synchronize(in: transaction)
        guard let current = try plans.entitlement(of: charge.organisation, in: transaction) else {
            invalidate(charge.organisation)
            throw Problem(.noActiveSubscription)
        }
        guard current.basis != charge.entitlement.basis || transaction.now >= charge.entitlement.validUntil else {
            return nil
        }
        invalidate(charge.organisation)
        return Charge(meter: charge.meter, units: charge.units, mode: charge.mode, entitlement: current)
    }
}
