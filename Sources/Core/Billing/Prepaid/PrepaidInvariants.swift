import Modules

/// Conditions that hold in every committed state of plans that are paid for in advance.
enum PrepaidInvariants {
    static let all: [Invariant] = [
        Invariant(
            "a period was paid for in advance by a payment that has not succeeded",
            """
            SELECT prepaid_periods.payment_id, payments.state FROM prepaid_periods
            JOIN payments ON payments.id = prepaid_periods.payment_id WHERE payments.state <> 'succeeded'
            """
        ),
        Invariant(
            "a payment of a plan in advance has paid for no period, and was not returned",
            """
            SELECT payments.id, payments.purpose FROM payments
            LEFT JOIN prepaid_periods ON prepaid_periods.payment_id = payments.id
            WHERE payments.purpose IN ('upi-plan', 'plan') AND payments.state = 'succeeded'
                AND prepaid_periods.payment_id IS NULL AND NOT EXISTS (
                    SELECT 1 FROM refunds WHERE refunds.payment_id = payments.id)
            """
        ),
        Invariant(
            "all of the money of a period was returned, and it is the last one in effect",
            """
            SELECT prepaid_periods.payment_id, prepaid_periods.subscription_reference, prepaid_periods.number
            FROM prepaid_periods JOIN payments ON payments.id = prepaid_periods.payment_id
            WHERE prepaid_periods.returned_at IS NULL AND (
                    SELECT SUM(refunds.amount) FROM refunds
                    WHERE refunds.payment_id = payments.id AND refunds.state = 'succeeded'
                ) = payments.received
                AND NOT EXISTS (
                    SELECT 1 FROM prepaid_periods AS later
                    WHERE later.subscription_reference = prepaid_periods.subscription_reference
                        AND later.number > prepaid_periods.number AND later.returned_at IS NULL)
            """
        ),
        Invariant(
            "a period that was paid for in advance does not follow the one before",
            """
            SELECT later.payment_id, later.subscription_reference, later.number FROM prepaid_periods AS later
            LEFT JOIN prepaid_periods AS former
                ON former.subscription_reference = later.subscription_reference AND former.number = later.number - 1
                AND former.returned_at IS NULL
            WHERE later.returned_at IS NULL AND NOT COALESCE(
                later.period_start = CASE later.number WHEN 1 THEN later.anchor_at ELSE former.period_end END, false)
            """
        ),
    ]
}
