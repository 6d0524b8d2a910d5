import Audit
import Identity
import Mail
package import Modules

/// Use that products report from elsewhere: counted once, in the period that it belongs to, and never dropped for being too much.
struct UsageService: Sendable {
    let database: any Database
    let plans: PlanCatalog
    /// Those of the products that live here; the catalogue has further ones.
    let ownMeters: [Meter]
    let audit: AuditService
    let mailer: Mailer

    /// How far ahead of this clock another one may be.
    static let skewMax: Duration = .minutes(5)
    /// Use that lies further back needs a right of its own.
    static let ageMax: Duration = .days(35)
    /// How long after its end a period still takes what happened in it.
    static let grace: Duration = .hours(24)

    /// Everything that can be counted, in the order in which it is listed.
    var meters: [Meter] { ownMeters + plans.catalogue.meters.filter { !ownMeters.map(\.name).contains($0.name) } }
    func meter(named name: String) -> Meter? { meters.first { $0.name == name } }

    /// Counts what is new of a report: all of that, or nothing.
    /// - Parameter mayBackfill: whether use older than ``ageMax`` is taken too.
    /// - Returns: what became of each event, in their order.
    /// - Throws: `no-active-subscription` for an organisation that never had a subscription.
    func record(_ report: UsageReport, mayBackfill: Bool, scope: Scope) async throws(Problem) -> [UsageOutcome] {
        try await database.write { transaction in
            try record(report.reported, mayBackfill: mayBackfill, scope: scope, in: transaction)
        }
    }

    private func record(_ events: [ReportedUsage], mayBackfill: Bool, scope: Scope, in transaction: Transaction) throws
        -> [UsageOutcome]
    {
        guard let subscription = try transaction.subscription(of: scope.organisation) else {
            throw Problem(.noActiveSubscription)
        }
        let names = Set(meters.map(\.name))
        let refusals = events.map { refusal(of: $0, knowing: names, mayBackfill: mayBackfill, at: transaction.now) }
        let placed = zip(events, refusals).filter { $1 == nil }.map { event, _ in
            PlacedUsage(event, in: subscription, at: transaction.now)
        }
        let isNew = try transaction.insertEvents(placed.firstOfEachKey)
        let new = placed.firstOfEachKey.filter { isNew.contains($0.event.key) }
        try count(new, of: subscription, in: transaction)
        if !new.isEmpty {
            let details = ["events": "\(new.count)", "adjustments": "\(new.count { $0.adjusts != nil })"]
            try audit.record(AuditEvent("usage.reported", by: scope, details: details), in: transaction)
        }
        let known = try transaction.recordedEvents(Set(placed.map(\.event.key)), of: scope.organisation)
        var fresh = isNew
        return zip(events, refusals).map { event, refusal in
            if let refusal { return UsageOutcome(id: event.id, outcome: .refused(refusal)) }
            guard let recorded = known[event.key], recorded.fingerprint == event.fingerprint else {
                return UsageOutcome(id: event.id, outcome: .refused(Self.conflict))
            }
            return UsageOutcome(id: event.id, outcome: .counted(recorded, isNew: fresh.remove(event.key) != nil))
        }
    }

    /// Adds events to their buckets, whose rows are taken in one order by everybody, and marks those that found no room.
    private func count(_ events: [PlacedUsage], of subscription: Subscription, in transaction: Transaction) throws {
        // How many units of an event lie beyond the limit, by key.
        var beyond: [String: Int64] = [:]
        for (bucket, events) in Dictionary(grouping: events, by: \.bucket).sorted(by: {
            $0.key.lockKey < $1.key.lockKey
        }) {
            let limit = limit(of: bucket, subscription, at: transaction.now)
            let amount = events.reduce(0) { $0 + $1.event.amount }
            let level = try transaction.add(amount, to: bucket)
            try noticeThresholds(of: bucket, at: level, in: transaction)
            var taken = level.used + level.held - amount
            for event in events {
                taken += event.event.amount
                beyond[event.event.key] = min(event.event.amount, max(0, taken - limit.bound))
            }
        }
        try transaction.insertEntries(events, beyond: beyond)
    }

    /// The limit of a bucket in the terms of its period; for one that is over, those of its last moment.
    private func limit(of bucket: Bucket, _ subscription: Subscription, at now: Instant) -> Limit {
        let end = Period(anchor: subscription.anchor, containing: bucket.periodStart).end
        return plans.holding(subscription, at: min(now, end - .microseconds(1)))?.0.limits[bucket.meter] ?? .upTo(0)
    }

    private func refusal(of event: ReportedUsage, knowing meters: Set<String>, mayBackfill: Bool, at now: Instant)
        -> Problem?
    {
        guard meters.contains(event.meter) else {
            return Problem(.unknownMeter, detail: "There is no meter '\(event.meter.prefix(64))'.")
        }
        guard let moment = event.occurredAt else { return nil }
        if moment > now + Self.skewMax {
            return Problem(.usageInFuture, detail: "It is \(now) here; a clock may be five minutes ahead of that.")
        }
        if moment < now - Self.ageMax, !mayBackfill {
            return Problem(
                .usageTooOld,
                detail:
                    "Use older than 35 days is taken from a key with the scope \(KeyScope.usageBackfill.name), or from an owner of the organisation."
            )
        }
        return nil
    }

    private static let conflict = Problem(.usageConflict, detail: "Give other use an id of its own.")
}

/// What became of an event that was reported under an id.
struct UsageOutcome: Sendable {
    enum Outcome: Sendable {
        case counted(RecordedUsage, isNew: Bool)
        case refused(Problem)
    }

    let id: String
    let outcome: Outcome
}

/// An event with the bucket that it is counted in.
struct PlacedUsage: Sendable {
    let event: ReportedUsage
    let bucket: Bucket
    let occurredAt: Instant
    /// The period that it happened in, where that one is closed and the present one takes the event as an adjustment.
    let adjusts: Instant?

    /// What lies before the subscription counts into its present period.
    init(_ event: ReportedUsage, in subscription: Subscription, at now: Instant) {
        self.event = event
        occurredAt = event.occurredAt ?? now
        let present = Period(anchor: subscription.anchor, containing: now)
        let own = Period(anchor: subscription.anchor, containing: occurredAt)
        let isOpen = now < own.end + UsageService.grace
        adjusts = isOpen ? nil : own.start
        bucket = Bucket(
            organisation: subscription.organisation, meter: event.meter, periodStart: isOpen ? own.start : present.start
        )
    }
}

extension [PlacedUsage] {
    /// Without those whose key came before.
    fileprivate var firstOfEachKey: [PlacedUsage] {
        var seen: Set<String> = []
        return filter { seen.insert($0.event.key).inserted }
    }
}

extension Problem.Kind {
    package static let unknownMeter = Self("unknown-meter", "There is no such meter", status: 422)
    package static let usageInFuture = Self("usage-in-future", "The usage lies in the future", status: 422)
    package static let usageTooOld = Self("usage-too-old", "The usage lies too far back", status: 422)
    package static let usageConflict = Self("usage-conflict", "This id was used for other usage", status: 409)
}
