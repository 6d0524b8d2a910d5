import Identity
import Modules

/// The personal data of payments by UPI. Rows of money stay, under the pseudonym that the organisation has in the
/// ledger.
enum UPIPersonalData {
    static let tables: [PersonalDataTable] = [
        PersonalDataTable(
            "upi-payments", in: "upi_payments",
            selection: { subject in
                """
                SELECT id, organisation_id, plan_id, cycle, description, amount, status, payment_id, bank_reference,
                    created_at, expires_at
                FROM upi_payments
                WHERE organisation_id IN \(list: subject.organisations) OR person_id = \(subject.person)
                ORDER BY created_at, id
                """
            }
        ) { subject, pseudonym, transaction in
            try transaction.execute("UPDATE upi_payments SET person_id = NULL WHERE person_id = \(subject.person)")
            for organisation in subject.organisations(as: pseudonym) {
                try transaction.execute(
                    """
                    UPDATE upi_payments SET organisation_id = \(organisation.pseudonym)
                    WHERE organisation_id = \(organisation.id)
                    """
                )
            }
        },
        PersonalDataTable(
            "upi-receipts", in: "upi_receipts",
            selection: { subject in
                """
                SELECT id, organisation_id, bank_reference, reference, currency, amount, outcome, reason, received_at,
                    resolved_at, refund_reference
                FROM upi_receipts WHERE organisation_id IN \(list: subject.organisations) ORDER BY received_at, id
                """
            }
        ) { subject, pseudonym, transaction in
            try transaction.execute(
                "UPDATE upi_receipts SET resolved_by = \(pseudonym) WHERE resolved_by = \(subject.person)")
            for organisation in subject.organisations(as: pseudonym) {
                try transaction.execute(
                    """
                    UPDATE upi_receipts SET organisation_id = \(organisation.pseudonym), note = NULL
                    WHERE organisation_id = \(organisation.id)
                    """
                )
            }
        },
    ]
}
