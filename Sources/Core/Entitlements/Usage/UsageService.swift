import Identity
package import Modules

/// Counts usage that products elsewhere report: each event once, in the period that it belongs to, also beyond the
/// limit.
final class UsageService: Sendable {
    /// How far the clock of a client may be ahead of the server's.
    static let skewMax: Duration = .minutes(5)
    /// Older usage is a correction of an administrator: its period has ended, so that it would only adjust the current
    /// one.
    static let ageMax: Duration = .days(35)
    /// How long after its end a period still accepts usage.
    static let grace: Duration = .hours(24)

    private let database: any Database
    let plans: PlanCatalog
    let meters: MeterCatalog
    let alerts: UsageAlertService

    init(database: any Database, plans: PlanCatalog, meters: MeterCatalog, alerts: UsageAlertService) {
        self.database = database
        self.plans = plans
        self.meters = meters
        self.alerts = alerts
    }

    /// Counts the new events of a report, all or none.
    /// - Returns: the outcome of each event, in their order.
    /// - Throws: `no-active-subscription` for an organisation that never had a subscription.
    func record(_ report: UsageReport, scope: ServiceScope) async throws(Problem) -> [UsageOutcome] {
        try await database.write { [self] transaction in
            try transaction.requireServiceKey(of: scope)
            let events = report.reported.map { $0.scoped(by: scope.key) }
            return try record(events, scope: scope, in: transaction)
        }
    }

    private func record(_ events: [ReportedUsage], scope: ServiceScope, in transaction: Transaction) throws
        -> [UsageOutcome]
    {
        guard let subscription = try transaction.subscription(of: scope.organisation) else {
            throw Problem(.noActiveSubscription)
        }
        let names = Set(meters.all.map(\.name))
        let refusals = events.map { refusal(of: $0, meters: names, scope: scope, at: transaction.now) }
        let placed = zip(events, refusals).filter { $1 == nil }.map { event, _ in
            PlacedUsage(event, in: subscription, at: transaction.now)
        }
        let inserted = try transaction.insertEvents(placed.firstOfEachKey)
        let new = placed.firstOfEachKey.filter { inserted.contains($0.event.key) }
        try count(new, of: subscription, by: scope.key.id, in: transaction)
        let recorded = try transaction.recordedEvents(Set(placed.map(\.event.key)), of: scope.organisation)
        var unreported = inserted
        return zip(events, refusals).map { event, refusal in
            if let refusal { return UsageOutcome(id: event.id, result: .refused(refusal)) }
            guard let usage = recorded[event.key], usage.fingerprint == event.fingerprint else {
                return UsageOutcome(id: event.id, result: .refused(Self.conflict))
            }
            return UsageOutcome(id: event.id, result: .counted(usage, isNew: unreported.remove(event.key) != nil))
        }
    }

    /// Adds events to their buckets and writes their usage entries. Buckets are locked in the order of
    /// ``Bucket/lockKey``.
    private func count(
        _ events: [PlacedUsage], of subscription: Subscription, by key: ID<ServiceKey>, in transaction: Transaction
    ) throws {
        // How many units of an event exceed the limit, by key.
        var beyond: [UTF8Key: Int64] = [:]
        for (bucket, events) in Dictionary(grouping: events, by: \.bucket).sorted(by: {
            $0.key.lockKey < $1.key.lockKey
        }) {
            let limit = limit(of: bucket, subscription, at: transaction.now)
            let amount = events.reduce(0) { $0 + $1.event.amount }
            let level = try transaction.add(amount, to: bucket)
            try alerts.sendAlerts(for: bucket, at: level, in: transaction)
            var taken = level.used + level.held - amount
            for event in events {
                taken += event.event.amount
                beyond[event.event.key] = min(event.event.amount, max(0, taken - limit.bound))
            }
        }
        try transaction.insertEntries(events, beyond: beyond, by: key)
    }

    /// The limit of a bucket in the terms of its period; for a past period, in the terms of its last moment.
    private func limit(of bucket: Bucket, _ subscription: Subscription, at now: Instant) -> Limit {
        let end = Period(anchor: subscription.anchor, containing: bucket.periodStart).end
        let moment = min(now, end - .microseconds(1))
        return plans.activePlan(of: subscription, at: moment)?.0.limits[bucket.meter] ?? .upTo(0)
    }

    private func refusal(of event: ReportedUsage, meters: Set<String>, scope: ServiceScope, at now: Instant)
        -> Problem?
    {
        guard meters.contains(event.meter) else {
            return Problem(.unknownMeter, detail: "There is no meter '\(event.meter.prefix(64))'.")
        }
        do throws(Problem) { try scope.require(event.meter) } catch { return error }
        guard let moment = event.occurredAt else { return nil }
        if moment > now + Self.skewMax {
            return Problem(
                .usageInFuture, detail: "The server's time is \(now); a client may be at most five minutes ahead.")
        }
        if moment < now - Self.ageMax {
            return Problem(
                .usageTooOld,
                detail: "Usage older than 35 days is entered by an administrator, as a correction: "
                    + "POST /v1/admin/usage/{organisation_id}/corrections.")
        }
        return nil
    }

    private static let conflict = Problem(.usageConflict, detail: "Report other usage under another id.")
}

extension [PlacedUsage] {
    /// Without events whose key an earlier event has.
    fileprivate var firstOfEachKey: [PlacedUsage] {
        var seen: Set<UTF8Key> = []
        return filter { seen.insert($0.event.key).inserted }
    }
}

extension Problem.Kind {
    package static let usageInFuture = Self("usage-in-future", "occurred_at is in the future", status: 422)
    package static let usageTooOld = Self("usage-too-old", "The usage is too old", status: 422)
    package static let usageConflict = Self("usage-conflict", "This id was used for other usage", status: 409)
}
