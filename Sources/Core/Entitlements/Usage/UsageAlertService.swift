import Audit
import Identity
import Mail
import Modules
import Webhooks

/// Sends mail to the owners of an organisation with verified addresses, and an event to its endpoints, when a meter
/// reaches a threshold of its limit.
final class UsageAlertService: Sendable {
    /// Percent of the limit, in ascending order.
    static let thresholds: [Int64] = [80, 100]

    private let plans: PlanCatalog
    private let levels: LevelCache
    private let audit: AuditService
    private let mailer: Mailer
    private let webhooks: WebhookService

    init(
        plans: PlanCatalog, levels: LevelCache, audit: AuditService, mailer: Mailer, webhooks: WebhookService
    ) {
        self.plans = plans
        self.levels = levels
        self.audit = audit
        self.mailer = mailer
        self.webhooks = webhooks
    }

    /// The thresholds that a usage has reached.
    static func thresholds(at used: Int64, of limit: Int64) -> [Int64] {
        thresholds.filter { Double(used) >= Double(limit) * Double($0) / 100 }
    }

    /// Sends an alert for the highest threshold that is reached, once per period, meter and threshold. Every method
    /// that uses units calls this afterwards, in the same transaction.
    /// - Parameter level: the bucket's level with these units.
    func sendAlerts(for bucket: Bucket, at level: Level, in transaction: Transaction) throws {
        levels.set(level, of: bucket, after: transaction)
        let used = level.used
        guard let subscription = try transaction.subscription(of: bucket.organisation),
            let (plan, period) = plans.activePlan(of: subscription, at: transaction.now),
            period.start == bucket.periodStart,
            case .upTo(let limit)? = plan.limits[bucket.meter], limit > 0
        else { return }
        var reached = Self.thresholds(at: used, of: limit)
        guard !reached.isEmpty else { return }
        let alerted = try transaction.alertedPercent(of: bucket)
        reached.removeAll { $0 <= alerted }
        var isNew = false
        for percent in reached {
            isNew = try transaction.insertAlert(of: bucket, percent: percent, used: used, allowed: limit)
        }
        guard isNew, let percent = reached.last else { return }
        let details = ["meter": bucket.meter, "percent": "\(percent)", "used": "\(used)", "limit": "\(limit)"]
        try audit.record(
            AuditEvent("usage.alert", organisation: bucket.organisation.text, details: details), in: transaction)
        try webhooks.emit(
            .usageThresholdReached, of: bucket.organisation,
            UsageThreshold(
                meter: bucket.meter, percent: percent, used: used, limit: limit, periodStart: period.start,
                periodEnd: period.end),
            in: transaction)
        try mailer.send(
            "usage-alert", toOwnersOf: bucket.organisation,
            [
                "meter": bucket.meter.replacing("_", with: " "),
                "percent": "\(Int64(Double(used) * 100 / Double(limit)))",
                "used": "\(used)", "limit": "\(limit)", "resets": period.end.description,
            ],
            in: transaction)
    }
}

extension WebhookEventType {
    static let usageThresholdReached = WebhookEventType(
        "usage.threshold_reached", "A meter reaches 80 or 100 % of its limit, once per period.")
}

/// The data of `usage.threshold_reached`.
struct UsageThreshold: Payload {
    let meter: String
    /// 80 or 100.
    let percent: Int64
    let used: Int64
    let limit: Int64
    let periodStart: Instant
    let periodEnd: Instant
}
