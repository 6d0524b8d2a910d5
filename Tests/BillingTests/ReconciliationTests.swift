import Base
import Identity
import Modules
import Stripe
import TestKit
import TestStripe
import Testing

@testable import Billing

/// The nightly comparison of the provider's balance with the ledger.
@Suite struct ReconciliationTests {
    /// Runs the job of the next night.
    private func compare(_ payouts: PayoutFixture) async throws -> [JSONValue] {
        payouts.advance(by: .days(1))
        try await payouts.test.runJobs()
        let cases = await payouts.admin("GET", "reconciliation-cases?state=open")
        #expect(cases.status == 200, "\(cases)")
        return cases["data"]?.array ?? []
    }

    @Test(arguments: Engine.available)
    func `a night before any money has nothing to compare`(engine: Engine) async throws {
        try await withPayments(engine) { payments in
            try await payments.test.runJobs()
            payments.test.clock.advance(by: .days(1))
            try await payments.test.runJobs()
            let states: [String] = try await payments.database.read {
                try $0.all("SELECT state FROM jobs WHERE kind = \(ReconcileBalanceJob.name)") { try $0["state"] }
            }
            #expect(!states.isEmpty && states.allSatisfy { $0 == "completed" }, "\(states)")
        }
    }

    @Test(arguments: Engine.available)
    func `transfers, reversals and fees that the ledger has are no difference`(engine: Engine) async throws {
        try await withPayouts(engine) { payouts in
            _ = try await payouts.release(payouts.newPayout("service-1"))
            let second = try await payouts.release(payouts.newPayout("service-2"))
            _ = await payouts.admin("POST", "payouts/\(second.id)/reverse", ["reason": "an error"])
            #expect(try await compare(payouts).isEmpty)
            // Again: nothing is compared or posted twice.
            #expect(try await compare(payouts).isEmpty)
        }
    }

    @Test(arguments: Engine.available)
    func `payments are compared, and the provider's fees are posted once`(engine: Engine) async throws {
        var settings = TestStripeServer.Settings()
        (settings.feeHundredths, settings.feeFixed) = (290, 30)
        try await withPayouts(engine, settings) { payouts in
            _ = try await payouts.pay(5_000)
            for _ in 0..<2 {
                #expect(try await compare(payouts) == [])
                #expect(
                    try await payouts.balances(of: .platform) == [.provider: -105_000, .fees: 175, .revenue: -175])
            }
            #expect(payouts.stripe.totals["usd"]?.fees == 175)
        }
    }

    @Test(arguments: Engine.available)
    func `a transfer that no payout has opens a case, which an administrator resolves`(engine: Engine) async throws {
        try await withPayouts(engine) { payouts in
            _ = try await payouts.release()
            let client = try #require(payouts.billing.calls.client)
            let foreign = await client.send(
                .createTransfer(
                    amount: try payouts.money(1_234), destination: payouts.account, transferGroup: "dashboard"),
                key: "dashboard")
            guard case .done(let transfer) = foreign else { throw Problem(.internalError) }
            let cases = try await compare(payouts)
            let opened = try #require(cases.first)
            #expect(cases.count == 1 && opened["kind"] == "unknown_source" && opened["found_minor"] == -1_234)
            #expect(opened["detail"]?.string?.contains(transfer["id"]?.string ?? "?") == true, "\(opened)")
            #expect(try await compare(payouts).count == 1, "one case for each difference")
            let path = "reconciliation-cases/\(opened["id"]?.string ?? "")/resolution"
            let empty = await payouts.admin("POST", path, ["note": ""])
            #expect(empty.status == 422)
            let resolved = await payouts.admin("POST", path, ["note": "made in the dashboard"])
            #expect(resolved.status == 200 && resolved["state"] == "resolved", "\(resolved)")
            #expect(resolved["resolved_by"] == .string(payouts.administrator.id.text))
            let again = await payouts.admin("POST", path, ["note": "x"])
            #expect(again.status == 409 && again.code == "case-resolved")
            #expect(try await compare(payouts).isEmpty, "a resolved case does not open again")
        }
    }

    @Test(arguments: Engine.available)
    func `a payout that the provider's balance does not have, or has otherwise, opens a case`(engine: Engine)
        async throws
    {
        try await withPayouts(engine) { payouts in
            let missing = try await payouts.release(payouts.newPayout("service-1"))
            let other = try await payouts.release(payouts.newPayout("service-2"))
            // The row of one names a transfer that does not exist, and that of the other is not what was transferred.
            let known = try #require(other.transfer)
            try await payouts.database.write {
                try $0.execute("UPDATE payouts SET transfer_id = 'tr_gone' WHERE id = \(missing.id)")
                try $0.execute("UPDATE payouts SET amount = amount + 1 WHERE id = \(other.id)")
            }
            let cases = try await compare(payouts)
            #expect(
                Set(cases.compactMap { $0["kind"]?.string }) == ["missing", "unknown_source", "amount"], "\(cases)")
            let amount = cases.first { $0["kind"] == "amount" }
            #expect(amount?["expected_minor"] == -9_001 && amount?["found_minor"] == -9_000)
            #expect(amount?["detail"]?.string?.contains(known) == true)
            // As they were, so that the invariants hold again.
            try await payouts.database.write {
                try $0.execute("UPDATE payouts SET transfer_id = \(missing.transfer) WHERE id = \(missing.id)")
                try $0.execute("UPDATE payouts SET amount = amount - 1 WHERE id = \(other.id)")
            }
        }
    }

    @Test(arguments: Engine.available)
    func `a transfer whose outcome is not known yet is no difference`(engine: Engine) async throws {
        try await withPayouts(engine) { payouts in
            // The provider keeps the failure with the key, so that the transfer is found by its group alone.
            payouts.stripe.fail(.serverErrorAfterEffect, path: "/v1/transfers")
            let payout = try await payouts.release()
            #expect(payout.state == .unknown)
            #expect(try await compare(payouts) == [])
            for _ in 0..<2 { #expect(try await compare(payouts) == []) }
            #expect(try await payouts.current(payout.id).state == .transferred)
        }
    }

    @Test(arguments: Engine.available)
    func `an outage of the provider is repeated, and nothing is lost`(engine: Engine) async throws {
        try await withPayouts(engine) { payouts in
            _ = try await payouts.release()
            payouts.stripe.fail(next: 10, .serverError, method: "GET", path: "/v1/balance_transactions")
            #expect(try await compare(payouts).isEmpty)
            payouts.stripe.stopFailing()
            #expect(try await compare(payouts).isEmpty)
            let compared = try await payouts.database.read {
                try $0.count("SELECT COUNT(*) AS count FROM balance_entries WHERE kind = 'transfer'")
            }
            #expect(compared == 1)
        }
    }
}
