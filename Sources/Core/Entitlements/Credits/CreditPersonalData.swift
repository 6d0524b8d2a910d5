import Identity
import Ledger
import Modules

/// Personal data in the tables of credits and the ledger. Lots and holds are erased with their organisation; its ledger
/// stays, under a pseudonym.
enum CreditPersonalData {
    static func tables(ledger: LedgerService) -> [PersonalDataTable] {
        [
            PersonalDataTable(
                "credit-hold-parts", in: "credit_hold_parts",
                where: { "hold_id IN (SELECT id FROM credit_holds WHERE organisation_id IN \(list: $0.organisations))" }
            ),
            PersonalDataTable(
                "credit-holds", in: "credit_holds", where: { "organisation_id IN \(list: $0.organisations)" },
                showing: [
                    "id", "organisation_id", "operation_key", "units", "actual", "overrun", "state", "created_at",
                    "settled_at",
                ]
            ),
            PersonalDataTable(
                "credit-lots", in: "credit_lots", where: { "organisation_id IN \(list: $0.organisations)" },
                showing: [
                    "id", "organisation_id", "origin", "granted", "available", "reserved", "consumed", "expired",
                    "reversed", "expires_at", "created_at",
                ]
            ),
            PersonalDataTable(
                "ledger-movements", in: "ledger_movements",
                selection: { subject in
                    """
                    SELECT posting_id, number, amount, source.name AS from_account, target.name AS to_account, subject,
                        occurred_at
                    FROM ledger_movements
                        JOIN ledger_accounts AS source ON source.id = from_account
                        JOIN ledger_accounts AS target ON target.id = to_account
                    WHERE source.owner IN \(list: subject.organisations)
                        OR target.owner IN \(list: subject.organisations)
                    ORDER BY posting_id, number
                    """
                }
            ) { _, _, _ in },
            PersonalDataTable(
                "ledger-accounts", in: "ledger_accounts",
                selection: {
                    """
                    SELECT owner, name, unit, balance FROM ledger_accounts WHERE owner IN \(list: $0.organisations)
                    ORDER BY owner, unit, name
                    """
                }
            ) { _, _, _ in },
            PersonalDataTable(
                "ledger-postings", in: "ledger_postings",
                selection: { subject in
                    """
                    SELECT id, owner, unit, kind, operation_key, reason, corrects, occurred_at FROM ledger_postings
                    WHERE owner IN \(list: subject.organisations) ORDER BY owner, occurred_at, id
                    """
                }
            ) { subject, pseudonym, transaction in
                for organisation in subject.organisations(as: pseudonym) {
                    try ledger.pseudonymise(
                        owner: organisation.id.text, as: organisation.pseudonym, in: transaction)
                }
            },
        ]
    }
}
