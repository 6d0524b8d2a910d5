package import Identity
import Modules

extension EntitlementsModule: PersonalDataProvider {
    package var personalDataTables: [PersonalDataTable] {
        creditService.holdings + usageHoldings + [
            PersonalDataTable(
                "trial-notices", in: "trial_notices",
                where: {
                    "subscription_id IN (SELECT id FROM subscriptions WHERE organisation_id IN \(list: $0.organisations))"
                }
            ),
            PersonalDataTable(
                "trials", in: "trials", where: { "person_id = \($0.person)" },
                alsoErasing: { "person_id = \($0.person) OR organisation_id IN \(list: $0.organisations)" },
                showing: ["organisation_id", "begun_at"], orderedBy: "person_id"
            ),
            // The plans stay; who wrote them is nobody's business any more.
            PersonalDataTable("plan-versions", in: "plan_versions") { subject, _, transaction in
                try transaction.execute(
                    "UPDATE plan_versions SET created_by = NULL WHERE created_by = \(subject.person)")
            },
            PersonalDataTable(
                "usage", in: "usage_entries", where: { "organisation_id IN \(list: $0.organisations)" },
                showing: [
                    "organisation_id", "operation_key", "meter", "period_start", "amount", "is_overrun", "occurred_at",
                ],
                orderedBy: "organisation_id, occurred_at, operation_key"
            ),
            PersonalDataTable(
                "reservations", in: "reservations", where: { "organisation_id IN \(list: $0.organisations)" },
                showing: [
                    "id", "organisation_id", "operation_key", "meter", "period_start", "amount", "actual", "state",
                    "created_at", "settled_at",
                ]
            ),
            PersonalDataTable(
                "usage-by-period", in: "buckets", where: { "organisation_id IN \(list: $0.organisations)" },
                showing: ["organisation_id", "meter", "period_start", "used", "held"],
                orderedBy: "organisation_id, meter, period_start"
            ),
            PersonalDataTable(
                "subscriptions", in: "subscriptions", where: { "organisation_id IN \(list: $0.organisations)" },
                showing: ["id", "organisation_id", "plan_id", "status", "anchor_at", "created_at", "updated_at"]
            ),
        ]
    }
}
