import App
import Base
import Modules
import TestKit
import Testing

@testable import Billing

/// A database in which codes were paid before periods had a table of their own.
@Suite struct PrepaidMigrationTests {
    private static let name = "billing-701-prepaid-periods"

    @Test(arguments: Engine.available)
    func `codes that were paid before keep what they have paid for`(engine: Engine) async throws {
        try await withDatabase(engine) { database in
            let before = allMigrations.filter { $0.name != Self.name }
            _ = try await Migrator(before).run(on: database)
            try await database.write { transaction in
                try transaction.execute(
                    """
                    INSERT INTO payments (
                        id, organisation_id, purpose, subject, method, currency, amount, received, refunded,
                        destination, description, state, provider_id, created_at, succeeded_at
                    )
                    VALUES ('p', 'o', 'upi-plan', 'qr_paid', 'upi', 'inr', 79900, 79900, 0, 'revenue',
                            'Student, monthly', 'succeeded', 'upi:BANK-1', 1000, 2000)
                    """
                )
                try transaction.execute(
                    """
                    INSERT INTO upi_payments (
                        id, organisation_id, plan_id, cycle, description, price, amount, status, payment_id,
                        bank_reference, subscription_reference, anchor_at, periods, period_start, period_end, paid_at,
                        created_at, expires_at
                    )
                    VALUES
                        ('qr_paid', 'o', 'student', 'monthly', 'Student, monthly', 79900, 79900, 'completed', 'p',
                         'BANK-1', 'upi:qr_paid', 2000, 1, 2000, 3000, 2000, 1000, 5000),
                        ('qr_open', 'o', 'student', 'monthly', 'Student, monthly', 79900, 79900, 'pending', NULL,
                         NULL, NULL, NULL, NULL, NULL, NULL, NULL, 1000, 5000)
                    """
                )
            }
            _ = try await Migrator(allMigrations).run(on: database)
            let (paid, open, last) = try await database.write { transaction in
                (
                    try transaction.lockedUPIPayment("qr_paid"), try transaction.lockedUPIPayment("qr_open"),
                    try transaction.first("SELECT * FROM prepaid_periods", PrepaidPeriod.init(row:))
                )
            }
            #expect(paid?.stored == .completed && paid?.paid?.bankReference == "BANK-1")
            #expect(paid?.paid?.period == Instant(microseconds: 2_000)..<Instant(microseconds: 3_000))
            #expect(open?.stored == .pending && open?.paid == nil)
            #expect(last?.subscription == "upi:qr_paid" && last?.number == 1)
        }
    }
}
