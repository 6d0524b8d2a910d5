import Base
import Identity
import Modules
import Stripe
import TestKit
import TestStripe
import Testing

@testable import Billing

/// The way of a payout's money from the payee's account at the provider to its bank, by the provider's events.
@Suite struct BankPayoutTests {
    /// Has the provider's events polled and applied.
    private func follow(_ payouts: PayoutFixture) async throws {
        payouts.advance(by: .minutes(11))
        try await payouts.test.runJobs()
    }

    @Test(arguments: Engine.available)
    func `what arrives at the bank is paid, and what the bank returns is not`(engine: Engine) async throws {
        try await withPayouts(engine) { payouts in
            let first = try await payouts.release(payouts.newPayout("service-1"))
            let second = try await payouts.release(payouts.newPayout("service-2"))
            let bank = try payouts.stripe.payOut(payouts.money(18_000), of: payouts.account)
            let later = try await payouts.release(payouts.newPayout("service-3"))
            try await follow(payouts)
            #expect(try await payouts.current(first.id).state == .transferred)
            payouts.stripe.finishPayout(bank, isPaid: true)
            try await follow(payouts)
            for id in [first.id, second.id] { #expect(try await payouts.current(id).state == .paid) }
            #expect(try await payouts.current(later.id).state == .transferred)
            #expect(try await payouts.balances(of: payouts.payee) == [.paidOut: 18_000, .inTransit: 9_000])
            // Banks return payouts that they had accepted.
            payouts.stripe.finishPayout(bank, isPaid: false)
            try await follow(payouts)
            let returned = try await payouts.current(first.id)
            #expect(returned.state == .returned && returned.reason == "The bank account has been closed.")
            #expect(try await payouts.balances(of: payouts.payee) == [.inTransit: 27_000])
            // No second transfer while the payee has the money.
            #expect(try await payouts.begin(payouts.newPayout("service-1")).id == first.id)
            // The provider pays to a new bank account.
            let again = try payouts.stripe.payOut(payouts.money(27_000), of: payouts.account)
            payouts.stripe.finishPayout(again, isPaid: true)
            try await follow(payouts)
            #expect(try await payouts.current(first.id).state == .paid)
            #expect(try await payouts.balances(of: payouts.payee) == [.paidOut: 27_000])
            #expect(payouts.transfers.count == 3)
        }
    }

    @Test(arguments: Engine.available)
    func `an earlier bank payout that is applied late moves nothing back`(engine: Engine) async throws {
        try await withPayouts(engine) { payouts in
            let payout = try await payouts.release()
            let service = payouts.payouts
            try await payouts.database.write { try service.arrive(payout.id, by: "po_1", in: $0) }
            try await payouts.database.write {
                try service.bankReturned(payout.id, by: "po_1", reason: "closed", in: $0)
            }
            try await payouts.database.write { try service.arrive(payout.id, by: "po_2", in: $0) }
            for _ in 0..<2 {
                try await payouts.database.write {
                    try service.bankReturned(payout.id, by: "po_1", reason: "closed", in: $0)
                }
                try await payouts.database.write { try service.arrive(payout.id, by: "po_2", in: $0) }
            }
            #expect(try await payouts.current(payout.id).state == .paid)
            #expect(try await payouts.balances(of: payouts.payee) == [.paidOut: 9_000])
        }
    }

    @Test(arguments: Engine.available)
    func `a payout is taken back from the bank's side too, and its late return changes nothing`(engine: Engine)
        async throws
    {
        try await withPayouts(engine) { payouts in
            let payout = try await payouts.release()
            let service = payouts.payouts
            try await payouts.database.write { try service.arrive(payout.id, by: "po_1", in: $0) }
            #expect(try await payouts.balances(of: payouts.payee) == [.paidOut: 9_000])
            let reversed = await payouts.admin("POST", "payouts/\(payout.id)/reverse", ["reason": "an error"])
            #expect(reversed["state"] == "reversed", "\(reversed)")
            try await payouts.database.write {
                try service.bankReturned(payout.id, by: "po_1", reason: "closed", in: $0)
            }
            #expect(try await payouts.current(payout.id).state == .reversed)
            #expect(try await payouts.balances(of: payouts.payer) == [.held: 100_000])
        }
    }
}
