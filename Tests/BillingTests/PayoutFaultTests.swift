import Base
import Identity
import Modules
import Stripe
import TestKit
import TestStripe
import Testing

@testable import Billing

/// Every operation on payouts with each step of its transactions failing once: the invariants hold, and the repeated
/// operation has its effect once.
@Suite struct PayoutFaultTests {
    @Test(arguments: Engine.available)
    func `beginning is atomic at every failing step`(engine: Engine) async throws {
        let loop = FaultLoop.ofMoney
        try await withPayouts(engine, databaseWrapper: loop.wrap) { payouts in
            try await loop.run("beginning", on: payouts.test, atLeast: 10) { try await payouts.begin() }
            #expect(try await payouts.balances(of: payouts.payee) == [.payoutPending: 10_000])
        }
    }

    /// A failing step is a crash there: what the provider has done by then is kept.
    @Test(arguments: Engine.available, [false, true])
    func `a release that stops at any step is transferred once`(engine: Engine, isReversed: Bool) async throws {
        let loop = FaultLoop.ofCalls
        try await withPayouts(engine, databaseWrapper: loop.wrap) { payouts in
            try await loop.run("release", on: payouts.test, atLeast: 20) {
                let payout = try await payouts.release()
                guard payout.state == .transferred || payout.state == .reversing else { throw Problem(.conflict) }
                guard isReversed else { return }
                if payout.state == .transferred {
                    try await payouts.database.write { [service = payouts.payouts] in
                        try service.reverse(payout.id, reason: "an error", in: $0)
                    }
                }
                let reversed = try await payouts.payouts.reversal(of: payout.id)
                guard reversed.state == .reversed else { throw Problem(.conflict) }
            }
            let open = payouts.transfers.filter { !$0.isReversed }
            #expect(open.count == (isReversed ? 0 : 1))
            let payee = try await payouts.balances(of: payouts.payee)
            #expect(payee == (isReversed ? [:] : [.inTransit: 9_000]))
        }
    }
}
