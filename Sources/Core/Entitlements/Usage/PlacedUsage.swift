import Modules

/// An event with the bucket that counts it.
struct PlacedUsage: Sendable {
    let event: ReportedUsage
    let bucket: Bucket
    let occurredAt: Instant
    /// The start of the period in which the usage occurred, where that period is closed and the current one counts it
    /// as an adjustment.
    let adjusts: Instant?

    /// Usage before the start of the subscription is counted in the current period.
    init(_ event: ReportedUsage, in subscription: Subscription, at now: Instant) {
        self.event = event
        occurredAt = event.occurredAt ?? now
        let current = subscription.period(at: now)
        let own =
            (current.start..<current.end).contains(occurredAt)
            ? current : Period(anchor: subscription.anchor, containing: occurredAt)
        let isOpen = now < own.end + UsageService.grace
        adjusts = isOpen ? nil : own.start
        bucket = Bucket(
            organisation: subscription.organisation, meter: event.meter, periodStart: isOpen ? own.start : current.start
        )
    }
}
