import Identity
import Ledger
import Modules

/// Personal data in the tables of this module, in the order of erasure: tables that refer to others come first.
enum EntitlementsPersonalData {
    static func tables(ledger: LedgerService, retention: RetainedUsageService) -> [PersonalDataTable] {
        [retainedUsage(retention)] + CreditPersonalData.tables(ledger: ledger) + usageTables + [
            PersonalDataTable(
                "trial-reminders", in: "trial_reminders",
                where: {
                    """
                    subscription_id IN (
                        SELECT id FROM subscriptions WHERE organisation_id IN \(list: $0.organisations)
                    )
                    """
                }
            ),
            PersonalDataTable(
                "trials", in: "trials", where: { "person_id = \($0.person)" },
                alsoErasing: { "person_id = \($0.person) OR organisation_id IN \(list: $0.organisations)" },
                showing: ["organisation_id", "started_at"], orderedBy: "person_id"
            ),
            PersonalDataTable(
                "free-plan-starts", in: "free_plan_starts", where: { "person_id = \($0.person)" },
                alsoErasing: { "person_id = \($0.person) OR organisation_id IN \(list: $0.organisations)" },
                showing: ["organisation_id", "started_at"], orderedBy: "person_id"
            ),
            // Service keys stay, without their author.
            PersonalDataTable("service-keys", in: "service_keys") { subject, _, transaction in
                try transaction.execute(
                    "UPDATE service_keys SET created_by = NULL WHERE created_by = \(subject.person)")
            },
            // Versions of plans stay, without their author.
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

    /// Before buckets and subscriptions are erased, the period's use is kept under an HMAC of the address.
    private static func retainedUsage(_ retention: RetainedUsageService) -> PersonalDataTable {
        PersonalDataTable("retained-usage", in: "retained_periods") { subject, _, transaction in
            try retention.retain(subject.person, in: transaction)
        }
    }

    private static var usageTables: [PersonalDataTable] {
        [
            PersonalDataTable(
                "usage-events", in: "usage_events", where: { "organisation_id IN \(list: $0.organisations)" },
                showing: [
                    "organisation_id", "operation_key", "event_id", "source", "subject", "adjusts_start", "recorded_at",
                ],
                orderedBy: "organisation_id, recorded_at, operation_key"
            ),
            PersonalDataTable(
                "usage-alerts", in: "usage_alerts", where: { "organisation_id IN \(list: $0.organisations)" },
                showing: ["organisation_id", "meter", "period_start", "percent", "used", "allowed", "sent_at"],
                orderedBy: "organisation_id, meter, period_start, percent"
            ),
            PersonalDataTable(
                "concurrency-locks", in: "concurrency_locks", where: { "organisation_id IN \(list: $0.organisations)" }
            ),
        ]
    }
}
