import Audit
import Identity
import Modules
import Secrets

/// Corrections of usage by administrators: further entries, never changes of earlier ones.
final class UsageCorrectionService: Sendable {
    private let database: any Database
    private let plans: PlanCatalog
    private let meters: MeterCatalog
    private let alerts: UsageAlertService
    private let levels: LevelCache
    private let audit: AuditService

    init(
        database: any Database, plans: PlanCatalog, meters: MeterCatalog, alerts: UsageAlertService, levels: LevelCache,
        audit: AuditService
    ) {
        self.database = database
        self.plans = plans
        self.meters = meters
        self.alerts = alerts
        self.levels = levels
        self.audit = audit
    }

    /// Adds units to an organisation's current period, or subtracts them.
    /// - Parameter key: the `Idempotency-Key` header: a repeat returns the first correction.
    /// - Throws: `invalid-request` without a key, `validation-failed`, `unknown-meter`; `not-found` for an organisation
    ///   that never had a subscription; `usage-not-available` for more than was used; `operation-conflict`.
    func correct(_ correction: UsageCorrection, key: String?, of organisation: ID<Organisation>, scope: Scope)
        async throws(Problem) -> UsageCorrectionView
    {
        guard let key, !key.isEmpty else {
            throw Problem(
                .invalidRequest, detail: "Send an Idempotency-Key, so that a repeat of the request changes nothing.")
        }
        guard correction.units != 0 else { throw Problem.invalid("/units", "is not 0") }
        let meter = try meters.require(correction.meter)
        return try await database.write { [self] transaction in
            try transaction.requireCaller(scope, as: .admin)
            // The lock on the subscription serialises corrections of one organisation.
            guard let subscription = try transaction.lockedSubscription(of: organisation) else {
                throw Problem(.notFound, detail: "This organisation never had a subscription.")
            }
            let fingerprint = Digest.hex("\(correction.units) \(meter.name) \(correction.reason)")
            if let earlier = try transaction.usageCorrection(key, of: organisation) {
                guard earlier.fingerprint == fingerprint else { throw Problem(.operationConflict) }
                return earlier.view
            }
            let period = subscription.period(at: transaction.now)
            let bucket = Bucket(organisation: organisation, meter: meter.name, periodStart: period.start)
            let beyond = try count(correction.units, in: bucket, of: subscription, in: transaction)
            try transaction.insertCorrection(
                correction, key: key, fingerprint: fingerprint, in: bucket, beyond: beyond)
            let details = ["meter": meter.name, "units": "\(correction.units)", "reason": correction.reason]
            try audit.record(
                AuditEvent(
                    "usage.corrected", by: scope, in: organisation, subjectKind: "organisation",
                    subject: organisation.text, details: details),
                in: transaction)
            guard let recorded = try transaction.usageCorrection(key, of: organisation) else {
                preconditionFailure("a correction was inserted")
            }
            return recorded.view
        }
    }

    /// - Returns: how many of the units exceed the limit.
    private func count(_ units: Int64, in bucket: Bucket, of subscription: Subscription, in transaction: Transaction)
        throws -> Int64
    {
        guard units > 0 else {
            guard try transaction.subtract(-units, from: bucket) else {
                let used = try transaction.level(of: bucket).used
                throw Problem(
                    .usageNotAvailable, detail: "\(used) units were used in this period.",
                    members: ["current_usage": .integer(used)])
            }
            levels.invalidateSnapshot(of: bucket.organisation, after: transaction)
            return 0
        }
        let level = try transaction.add(units, to: bucket)
        try alerts.sendAlerts(for: bucket, at: level, in: transaction)
        let limit = plans.activePlan(of: subscription, at: transaction.now)?.0.limits[bucket.meter] ?? .upTo(0)
        return min(units, max(0, level.used + level.held - limit.bound))
    }
}

extension Problem.Kind {
    static let usageNotAvailable = Self("usage-not-available", "Fewer units were used", status: 409)
}
