import Audit
import Identity
import Mail
import Modules

extension UsageService {
    /// The parts of a limit at which its owners are written to, in percent.
    static let thresholds: [Int64] = [80, 100]

    /// The parts of a limit that so much use has come to.
    static func thresholds(at used: Int64, of limit: Int64) -> [Int64] {
        thresholds.filter { Double(used) >= Double(limit) * Double($0) / 100 }
    }

    /// Writes to the owners of an organisation when a meter has come to a part of its limit: once for each period, meter and part, in the
    /// transaction that brings it there. Whoever uses units calls this afterwards.
    /// - Parameter level: of the bucket, with these units.
    func noticeThresholds(of bucket: Bucket, at level: Level, in transaction: Transaction) throws {
        let used = level.used
        guard let subscription = try transaction.subscription(of: bucket.organisation),
            let (plan, period) = plans.holding(subscription, at: transaction.now), period.start == bucket.periodStart,
            case .upTo(let limit)? = plan.limits[bucket.meter], limit > 0
        else { return }
        var reached = Self.thresholds(at: used, of: limit)
        guard !reached.isEmpty else { return }
        let told = try transaction.alertedPercent(of: bucket)
        reached.removeAll { $0 <= told }
        var isNews = false
        for percent in reached {
            isNews = try transaction.insertAlert(of: bucket, percent: percent, used: used, allowed: limit)
        }
        guard isNews, let percent = reached.last else { return }
        let details = ["meter": bucket.meter, "percent": "\(percent)", "used": "\(used)", "limit": "\(limit)"]
        try audit.record(
            AuditEvent("usage.alert", organisation: bucket.organisation.text, details: details), in: transaction)
        for contact in try Contact.owners(of: bucket.organisation, in: transaction) {
            let values = [
                "name": contact.name, "meter": bucket.meter.replacing("_", with: " "),
                "percent": "\(Int64(Double(used) * 100 / Double(limit)))",
                "used": "\(used)", "limit": "\(limit)", "resets": period.end.description,
            ]
            try mailer.send(Email("usage-alert", to: contact.email, values: values), in: transaction)
        }
    }
}
