import Base
import Identity
import Ledger
import Modules
import Stripe
import TestKit
import TestStripe
import Testing

@testable import Billing

/// Payouts from their beginning to the payee's account: each is transferred once, or its money is back.
@Suite struct PayoutTests {
    @Test(arguments: Engine.available)
    func `a payout moves held money to the payee's account and keeps the commission`(engine: Engine) async throws {
        try await withPayouts(engine) { payouts in
            let begun = try await payouts.begin()
            #expect(begun.state == .reserved)
            #expect(try await payouts.balances(of: payouts.payer) == [.held: 90_000])
            #expect(try await payouts.balances(of: payouts.payee) == [.payoutPending: 10_000])
            #expect(payouts.transfers.isEmpty)
            let sent = try await payouts.payouts.send(begun.id)
            #expect(sent.state == .transferred)
            let transfer = try #require(payouts.transfers.first)
            #expect(payouts.transfers.count == 1 && sent.transfer == transfer.id)
            #expect(transfer.amount == (try payouts.money(9_000)) && transfer.destination == payouts.account)
            #expect(transfer.transferGroup == begun.id.text)
            #expect(transfer.metadata["payout"] == begun.id.text && transfer.metadata["service"] == "service-1")
            #expect(try await payouts.balances(of: payouts.payee) == [.inTransit: 9_000])
            #expect(try await payouts.balances(of: .platform) == [.provider: -100_000, .commission: 1_000])
            let overview = try await payouts.database.read { [finance = payouts.billing.finance] in
                try finance.overview(in: $0)
            }
            let usd = try #require(overview.first)
            #expect(overview.count == 1 && usd.currency.code == "usd")
            #expect(usd.received == 100_000 && usd.held == 90_000 && usd.transferred == 9_000 && usd.net == 1_000)
            #expect(usd.paymentCount == 1 && usd.payoutCount == 1)
            let actions = await payouts.admin("GET", "audit-logs?action=payout.transferred")
            #expect(actions["total"] == 1 && actions["data"]?.array?.first?["resource_id"] == .string(begun.id.text))
        }
    }

    @Test(arguments: Engine.available)
    func `callers at once begin and send one transfer`(engine: Engine) async throws {
        try await withPayouts(engine) { payouts in
            let states = try await withThrowingTaskGroup(of: Payout.State.self) { group in
                for _ in 0..<8 { group.addTask { try await payouts.release().state } }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(states == Array(repeating: .transferred, count: 8))
            #expect(payouts.transfers.count == 1)
            #expect(try await payouts.balances(of: payouts.payer) == [.held: 90_000])
        }
    }

    @Test(arguments: Engine.available)
    func `a job sends what no request has sent`(engine: Engine) async throws {
        try await withPayouts(engine) { payouts in
            let begun = try await payouts.begin()
            payouts.advance(by: .seconds(5))
            try await payouts.test.runJobs()
            #expect(try await payouts.current(begun.id).state == .transferred && payouts.transfers.count == 1)
        }
    }

    /// A lost answer leaves the outcome unknown; the next request repeats it with the same key.
    @Test(
        arguments: Engine.available,
        [
            TestStripeFault.Kind.lostBeforeEffect, .lostAfterEffect, .serverError, .keyInUse, .unreadable,
            .rateLimited,
        ])
    func `an unknown outcome is asked for again with the same key`(engine: Engine, fault: TestStripeFault.Kind)
        async throws
    {
        try await withPayouts(engine) { payouts in
            payouts.stripe.fail(fault, path: "/v1/transfers")
            let first = try await payouts.release()
            #expect([.unknown, .transferred].contains(first.state), "\(first.state)")
            let second = try await payouts.payouts.send(first.id)
            #expect(second.state == .transferred && second.attempt == 1)
            #expect(payouts.transfers.count == 1)
            #expect(try await payouts.balances(of: payouts.payee) == [.inTransit: 9_000])
        }
    }

    @Test(arguments: Engine.available)
    func `a payout whose outcome is unknown is neither canceled, held nor begun again`(engine: Engine) async throws {
        try await withPayouts(engine) { payouts in
            payouts.stripe.fail(.lostAfterEffect, path: "/v1/transfers")
            let payout = try await payouts.release()
            #expect(payout.state == .unknown)
            for verb in ["cancel", "hold"] {
                let refusal = await payouts.admin("POST", "payouts/\(payout.id)/\(verb)", ["reason": "a check"])
                #expect(refusal.status == 409 && refusal.code == "payout-state", "\(refusal)")
            }
            let reversal = await payouts.admin("POST", "payouts/\(payout.id)/reverse", ["reason": "a check"])
            #expect(reversal.status == 409)
            #expect(try await payouts.begin().id == payout.id)
            #expect(try await payouts.balances(of: payouts.payee) == [.payoutPending: 10_000])
        }
    }

    @Test(arguments: Engine.available)
    func `after the lifetime of keys a transfer is found by its group`(engine: Engine) async throws {
        try await withPayouts(engine) { payouts in
            payouts.stripe.fail(.lostAfterEffect, path: "/v1/transfers")
            let payout = try await payouts.release()
            payouts.advance(by: .hours(24))
            payouts.stripe.expireKeys()
            try await payouts.test.runJobs()
            #expect(try await payouts.current(payout.id).state == .transferred)
            #expect(payouts.transfers.count == 1)
        }
    }

    @Test(arguments: Engine.available)
    func `a transfer that two look-ups do not find is refused, and tried again with another key`(engine: Engine)
        async throws
    {
        try await withPayouts(engine) { payouts in
            payouts.stripe.fail(.lostBeforeEffect, path: "/v1/transfers")
            let payout = try await payouts.release()
            #expect(payout.state == .unknown)
            payouts.stripe.expireKeys()
            payouts.advance(by: .hours(24))
            try await payouts.test.runJobs()
            #expect(try await payouts.current(payout.id).state == .unknown, "one look-up proves nothing")
            payouts.advance(by: .hours(2))
            try await payouts.test.runJobs()
            #expect(try await payouts.current(payout.id).state == .refused)
            #expect(try await payouts.balances(of: payouts.payer) == [.held: 100_000])
            let again = try await payouts.release()
            #expect(again.id == payout.id && again.state == .transferred && again.attempt == 2)
            let details = await payouts.admin("GET", "payouts/\(payout.id)")
            #expect(
                details["attempts"]?.array?.compactMap { $0["idempotency_key"]?.string }
                    == ["release_payment:service-1", "release_payment:service-1:2"])
            #expect(payouts.transfers.count == 1)
        }
    }

    @Test(arguments: Engine.available)
    func `a definite refusal gives the money back, and the next attempt has another key`(engine: Engine) async throws {
        try await withPayouts(engine) { payouts in
            payouts.stripe.fail(
                .refused(status: 400, type: "invalid_request_error", code: "balance_insufficient"),
                path: "/v1/transfers")
            let refused = try await payouts.release()
            #expect(refused.state == .refused && refused.reason?.isEmpty == false)
            #expect(try await payouts.balances(of: payouts.payer) == [.held: 100_000])
            #expect(try await payouts.balances(of: payouts.payee) == [:])
            let again = try await payouts.release()
            #expect(again.state == .transferred && again.id == refused.id && again.attemptKey.hasSuffix(":2"))
            #expect(payouts.transfers.count == 1)
        }
    }

    @Test(arguments: Engine.available)
    func `other terms after a refusal are another payout with a key of its own`(engine: Engine) async throws {
        try await withPayouts(engine) { payouts in
            payouts.stripe.fail(
                .refused(status: 400, type: "invalid_request_error", code: nil), path: "/v1/transfers")
            let refused = try await payouts.release()
            let other = try await payouts.release(payouts.newPayout("service-1", 8_000, commission: 800))
            #expect(other.id != refused.id && other.state == .transferred && other.attempt == 2)
            #expect(try await payouts.current(refused.id).state == .canceled)
            #expect(try await payouts.balances(of: payouts.payer) == [.held: 92_000])
        }
    }

    @Test(arguments: Engine.available)
    func `more than is held is refused, and nothing is written`(engine: Engine) async throws {
        try await withPayouts(engine) { payouts in
            let new = try payouts.newPayout("service-1", 100_001)
            await #expect { try await payouts.begin(new) } throws: { ($0 as? Problem)?.kind == .ledgerOverdrawn }
            #expect(await payouts.admin("GET", "payouts")["total"] == 0)
            #expect(try await payouts.balances(of: payouts.payer) == [.held: 100_000])
        }
    }

    @Test(arguments: Engine.available)
    func `a payee without an account that can be paid gets none`(engine: Engine) async throws {
        try await withPayouts(engine) { payouts in
            payouts.stripe.restrict(payouts.account)
            _ = await payouts.test.call("POST", "/v1/payout-account/refresh", token: payouts.payee.token)
            await #expect { try await payouts.begin() } throws: { ($0 as? Problem)?.kind == .payoutAccountMissing }
            let balances = try await payouts.balances(of: payouts.payer)
            #expect(balances == [.held: 100_000])
        }
    }

    @Test(arguments: Engine.available)
    func `a payout whose account is restricted before it is sent is held`(engine: Engine) async throws {
        try await withPayouts(engine) { payouts in
            let begun = try await payouts.begin()
            payouts.stripe.restrict(payouts.account)
            _ = await payouts.test.call("POST", "/v1/payout-account/refresh", token: payouts.payee.token)
            #expect(try await payouts.payouts.send(begun.id).state == .held)
            #expect(payouts.transfers.isEmpty)
            let refusal = await payouts.admin("POST", "payouts/\(begun.id)/approve")
            #expect(refusal.status == 409 && refusal.code == "payout-account-missing", "\(refusal)")
            payouts.stripe.onboard(payouts.account)
            _ = await payouts.test.call("POST", "/v1/payout-account/refresh", token: payouts.payee.token)
            let approved = await payouts.admin("POST", "payouts/\(begun.id)/approve")
            #expect(approved.status == 200 && approved["state"] == "transferred", "\(approved)")
        }
    }

    @Test(arguments: Engine.available)
    func `currencies that are paid in whole units keep the rest as payable`(engine: Engine) async throws {
        try await withPayouts(engine) { payouts in
            try await payouts.fund(payouts.money(10_050, "huf"), "forint")
            let payout = try await payouts.release(payouts.newPayout("service-huf", 10_050, "huf", commission: 1_000))
            let transferred = try payouts.money(9_000, "huf")
            #expect(payout.state == .transferred && payouts.transfers.first?.amount == transferred)
            #expect(try await payouts.balances(of: payouts.payee, "huf") == [.inTransit: 9_000, .payable: 50])
        }
    }
}
