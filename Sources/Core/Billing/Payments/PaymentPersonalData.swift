import Identity
import Ledger
import Modules

/// Personal data in the tables of payments, refunds, customers and calls. Rows of money stay, under the pseudonym that
/// the organisation has in the ledger.
enum PaymentPersonalData {
    static func tables(payments: PaymentService, customers: CustomerService) -> [PersonalDataTable] {
        [
            PersonalDataTable(
                "payments", in: "payments",
                selection: { subject in
                    """
                    SELECT id, organisation_id, purpose, subject, method, currency, amount, received, refunded,
                        description, state, provider_id, failure_code, created_at, succeeded_at
                    FROM payments
                    WHERE organisation_id IN \(list: subject.organisations) OR person_id = \(subject.person)
                    ORDER BY created_at, id
                    """
                }
            ) { subject, pseudonym, transaction in
                try transaction.execute("UPDATE payments SET person_id = NULL WHERE person_id = \(subject.person)")
                for organisation in subject.organisations(as: pseudonym) {
                    try payments.cancelAll(of: organisation.id, in: transaction)
                    try transaction.execute(
                        """
                        UPDATE payments
                        SET organisation_id = \(organisation.pseudonym), description = '', failure_message = NULL
                        WHERE organisation_id = \(organisation.id)
                        """
                    )
                }
            },
            PersonalDataTable(
                "refunds", in: "refunds",
                selection: { subject in
                    """
                    SELECT id, payment_id, organisation_id, currency, amount, reason, state, created_at, settled_at
                    FROM refunds WHERE organisation_id IN \(list: subject.organisations) ORDER BY created_at, id
                    """
                }
            ) { subject, pseudonym, transaction in
                for organisation in subject.organisations(as: pseudonym) {
                    try transaction.execute(
                        """
                        UPDATE refunds SET organisation_id = \(organisation.pseudonym), reason = ''
                        WHERE organisation_id = \(organisation.id)
                        """
                    )
                }
            },
            PersonalDataTable(
                "provider-customers", in: "provider_customers",
                selection: { subject in
                    """
                    SELECT organisation_id, provider_id, created_at FROM provider_customers
                    WHERE organisation_id IN \(list: subject.organisations) ORDER BY organisation_id
                    """
                }
            ) { subject, _, transaction in
                for organisation in subject.organisations {
                    try customers.delete(of: organisation, in: transaction)
                    try transaction.execute(
                        "DELETE FROM provider_customers WHERE organisation_id = \(organisation)")
                }
            },
            // A call that is not settled has to be repeated unchanged; it is deleted 90 days after it is.
            PersonalDataTable(
                "provider-calls", in: "provider_calls",
                selection: { subject in
                    """
                    SELECT id, purpose, subject, organisation_id, state, created_at, settled_at FROM provider_calls
                    WHERE organisation_id IN \(list: subject.organisations) ORDER BY created_at, id
                    """
                }
            ) { subject, _, transaction in
                try transaction.execute(
                    """
                    DELETE FROM provider_calls
                    WHERE organisation_id IN \(list: subject.organisations) AND state IN ('done', 'refused')
                    """
                )
                try transaction.execute(
                    """
                    UPDATE provider_calls SET organisation_id = NULL
                    WHERE organisation_id IN \(list: subject.organisations)
                    """
                )
            },
        ]
    }
}
