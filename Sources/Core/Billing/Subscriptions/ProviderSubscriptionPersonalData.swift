import Identity
import Modules

/// Personal data in the tables of subscriptions, in the order of erasure. What was paid stays in the ledger and in
/// invoices.
enum ProviderSubscriptionPersonalData {
    static let tables = [
        PersonalDataTable(
            "subscription-notices", in: "subscription_notices",
            where: {
                """
                subscription_id IN (
                    SELECT id FROM provider_subscriptions WHERE organisation_id IN \(list: $0.organisations)
                )
                """
            }
        ),
        PersonalDataTable(
            "billed-subscriptions", in: "provider_subscriptions",
            where: { "organisation_id IN \(list: $0.organisations)" },
            showing: [
                "id", "organisation_id", "plan_id", "cycle", "currency", "amount", "provider_id", "provider_status",
                "paid_through", "cancel_at", "ended_at", "created_at",
            ]
        ),
        // Those of organisations that others continue stay, without the person who began them.
        PersonalDataTable("billed-subscriptions-begun", in: "provider_subscriptions") { subject, _, transaction in
            try transaction.execute(
                "UPDATE provider_subscriptions SET person_id = NULL WHERE person_id = \(subject.person)")
        },
    ]
}
