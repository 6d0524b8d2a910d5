import App
import Base
import Modules
import Stripe
import TestKit
import TestStripe
import Testing

@testable import Billing

/// What remains of payouts in whole units is the payee's, and is paid once it makes a whole unit.
@Suite struct PayoutRemainderTests {
    private func run(_ payouts: PayoutFixture) async throws {
        _ = try await payouts.database.write { [queue = payouts.test.app.queue] in
            try queue.enqueue(PayRemaindersJob(), in: $0)
        }
        try await payouts.test.runJobs()
        // The jobs that send payouts leave the requests that began them a moment.
        payouts.test.clock.advance(by: .seconds(5))
        try await payouts.test.runJobs()
    }

    /// Releases 100.50 HUF of which 10.00 are commission: 90 are transferred, and 0.50 remain.
    private func release(_ subject: String, _ payouts: PayoutFixture) async throws {
        try await payouts.fund(payouts.money(10_050, "huf"), subject)
        let payout = try await payouts.release(payouts.newPayout(subject, 10_050, "huf", commission: 1_000))
        #expect(payout.state == .transferred)
    }

    @Test(arguments: Engine.available)
    func `whole units are paid once a month, and the rest stays`(engine: Engine) async throws {
        try await withPayouts(engine) { payouts in
            try await release("a", payouts)
            try await run(payouts)
            // Half a forint is no payout.
            #expect(try await payouts.balances(of: payouts.payee, "huf") == [.inTransit: 9_000, .payable: 50])
            try await release("b", payouts)
            try await release("c", payouts)
            for _ in 0..<2 { try await run(payouts) }
            #expect(try await payouts.balances(of: payouts.payee, "huf") == [.inTransit: 27_100, .payable: 50])
            let forint = try payouts.money(100, "huf")
            #expect(payouts.transfers.filter { $0.amount == forint }.count == 1)
            try await release("d", payouts)
            try await run(payouts)
            #expect(try await payouts.balances(of: payouts.payee, "huf")[.payable] == 100)
            payouts.test.clock.advance(by: .days(31))
            try await run(payouts)
            #expect(try await payouts.balances(of: payouts.payee, "huf") == [.inTransit: 36_200])
        }
    }

    @Test(arguments: Engine.available)
    func `a payee who cannot be paid keeps the rest for a later month`(engine: Engine) async throws {
        try await withPayouts(engine) { payouts in
            for subject in ["a", "b"] { try await release(subject, payouts) }
            payouts.stripe.restrict(payouts.account)
            _ = await payouts.test.call("POST", "/v1/payout-account/refresh", token: payouts.payee.token)
            try await run(payouts)
            #expect(try await payouts.balances(of: payouts.payee, "huf")[.payable] == 100)
            payouts.stripe.onboard(payouts.account)
            _ = await payouts.test.call("POST", "/v1/payout-account/refresh", token: payouts.payee.token)
            payouts.test.clock.advance(by: .days(31))
            try await run(payouts)
            #expect(try await payouts.balances(of: payouts.payee, "huf") == [.inTransit: 18_100])
        }
    }
}
