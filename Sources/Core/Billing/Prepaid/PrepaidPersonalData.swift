import Identity
import Modules

/// The personal data of plans that are paid for in advance. Rows of money stay, under the pseudonym that the
/// organisation has in the ledger.
enum PrepaidPersonalData {
    static let tables: [PersonalDataTable] = [
        // Found by the periods of the organisation, so before these are renamed.
        PersonalDataTable(
            "prepaid-reminders", in: "prepaid_reminders",
            where: {
                """
                payment_id IN (
                    SELECT payment_id FROM prepaid_periods WHERE organisation_id IN \(list: $0.organisations)
                )
                """
            },
            showing: ["payment_id", "days", "sent_at"], orderedBy: "payment_id, days"),
        PersonalDataTable(
            "prepaid-periods", in: "prepaid_periods",
            selection: { subject in
                """
                SELECT payment_id, organisation_id, plan_id, cycle, period_start, period_end, paid_at, returned_at
                FROM prepaid_periods WHERE organisation_id IN \(list: subject.organisations)
                ORDER BY period_start, payment_id
                """
            }
        ) { subject, pseudonym, transaction in
            for organisation in subject.organisations(as: pseudonym) {
                try transaction.execute(
                    """
                    UPDATE prepaid_periods SET organisation_id = \(organisation.pseudonym)
                    WHERE organisation_id = \(organisation.id)
                    """
                )
            }
        },
        PersonalDataTable(
            "plan-orders", in: "plan_orders", where: { "organisation_id IN \(list: $0.organisations)" },
            showing: [
                "id", "organisation_id", "plan_id", "cycle", "description", "currency", "amount", "region",
                "updated_at",
            ],
            orderedBy: "organisation_id"),
    ]
}
