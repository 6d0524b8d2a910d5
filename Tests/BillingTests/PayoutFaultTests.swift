import Base
import Identity
import Modules
import Stripe
import TestKit
import TestStripe
import Testing

@testable import Billing

/// Every operation on payouts with its first statement failing, its second, and so on: the invariants hold, and the
/// repeated operation has its effect once.
@Suite struct PayoutFaultTests {
    @Test(arguments: Engine.available)
    func `beginning is atomic at every failing statement`(engine: Engine) async throws {
        try await withPayouts(engine) { payouts in
            let new = try payouts.newPayout()
            let count = try await withEachStatementFailing(on: payouts.database) { database in
                _ = try await database.write { [service = payouts.payouts] in try service.begin(new, in: $0) }
            } check: { _ in
                try await payouts.requireInvariants()
            }
            #expect(count >= 10)
            #expect(try await payouts.balances(of: payouts.payee) == [.payoutPending: 10_000])
        }
    }

    /// A failing statement is a crash at that step: what the provider has done by then is kept.
    @Test(arguments: Engine.available, [false, true])
    func `a release that stops at any statement is transferred once`(engine: Engine, isReversed: Bool) async throws {
        let faults = UnavailableDatabase.Switch()
        try await withPayouts(engine, databaseWrapper: faults.wrap) { payouts in
            let count = try await faults.failEachStatement { _ in
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
            } check: { _ in
                // The lease of the call that was being sent ends.
                payouts.advance(by: .seconds(61))
                try await payouts.requireInvariants()
            }
            #expect(count >= 20)
            let open = payouts.transfers.filter { !$0.isReversed }
            #expect(open.count == (isReversed ? 0 : 1))
            let payee = try await payouts.balances(of: payouts.payee)
            #expect(payee == (isReversed ? [:] : [.inTransit: 9_000]))
        }
    }
}
