package import Identity
import Modules

extension EntitlementsModule: DataHolder {
    package var holdings: [Holding] {
        [
            Holding(
                "usage", in: "usage_entries", where: { "organisation_id IN \(list: $0.organisations)" },
                showing: ["organisation_id", "operation_key", "meter", "period_start", "amount", "is_overrun", "occurred_at"],
                orderedBy: "organisation_id, occurred_at, operation_key"
            ),
            Holding(
                "reservations", in: "reservations", where: { "organisation_id IN \(list: $0.organisations)" },
                showing: ["id", "organisation_id", "operation_key", "meter", "period_start", "amount", "actual", "state", "created_at", "settled_at"]
            ),
            Holding(
                "usage-by-period", in: "buckets", where: { "organisation_id IN \(list: $0.organisations)" },
                showing: ["organisation_id", "meter", "period_start", "used", "held"], orderedBy: "organisation_id, meter, period_start"
            ),
            Holding(
                "subscriptions", in: "subscriptions", where: { "organisation_id IN \(list: $0.organisations)" },
                showing: ["id", "organisation_id", "plan_id", "status", "anchor_at", "created_at", "updated_at"]
            ),
        ]
    }
}
