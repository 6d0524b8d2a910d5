import Base
import Identity
import Modules
import Stripe
import TestKit
import TestStripe
import Testing

@testable import Billing

/// What administrators do with payouts, by HTTP.
@Suite struct PayoutAdministrationTests {
    @Test(arguments: Engine.available)
    func `a payout that needs approval waits for it, and is sent with it`(engine: Engine) async throws {
        try await withPayouts(engine) { payouts in
            let payout = try await payouts.begin(payouts.newPayout(needsApproval: true))
            #expect(payout.state == .held)
            payouts.advance(by: .hours(1))
            try await payouts.test.runJobs()
            #expect(payouts.transfers.isEmpty)
            let approved = await payouts.admin("POST", "payouts/\(payout.id)/approve")
            #expect(approved.status == 200 && approved["state"] == "transferred", "\(approved)")
            #expect(approved["amount"] == 100 && approved["amount_minor"] == 10_000)
            #expect(approved["net"] == 90 && approved["currency"] == "usd")
            #expect(payouts.transfers.count == 1)
            let again = await payouts.admin("POST", "payouts/\(payout.id)/approve")
            #expect(again.status == 409 && again.code == "payout-state")
        }
    }

    @Test(arguments: Engine.available)
    func `a held payout is not sent until it is approved, and a canceled one gives its money back`(engine: Engine)
        async throws
    {
        try await withPayouts(engine) { payouts in
            let payout = try await payouts.begin()
            let held = await payouts.admin("POST", "payouts/\(payout.id)/hold", ["reason": "a check"])
            #expect(held.status == 200 && held["state"] == "held" && held["reason"] == "a check", "\(held)")
            #expect(try await payouts.payouts.send(payout.id).state == .held && payouts.transfers.isEmpty)
            let canceled = await payouts.admin("POST", "payouts/\(payout.id)/cancel", ["reason": "fraud"])
            #expect(canceled.status == 200 && canceled["state"] == "canceled", "\(canceled)")
            #expect(try await payouts.balances(of: payouts.payer) == [.held: 100_000])
            // Another payout of the subject may begin.
            let next = try await payouts.release()
            #expect(next.id != payout.id && next.state == .transferred)
        }
    }

    @Test(arguments: Engine.available)
    func `a transferred payout is taken back whole, and another one has the next key`(engine: Engine) async throws {
        try await withPayouts(engine) { payouts in
            let payout = try await payouts.release()
            let reversed = await payouts.admin("POST", "payouts/\(payout.id)/reverse", ["reason": "an error"])
            #expect(reversed.status == 200 && reversed["state"] == "reversed", "\(reversed)")
            #expect(try await payouts.balances(of: payouts.payer) == [.held: 100_000])
            #expect(try await payouts.balances(of: payouts.payee) == [:])
            #expect(try await payouts.balances(of: .platform) == [.provider: -100_000])
            #expect(payouts.stripe.totals["usd"]?.reversed == 9_000)
            let next = try await payouts.release()
            #expect(next.id != payout.id && next.attemptKey == "release_payment:service-1:2")
            #expect(payouts.transfers.count == 2)
        }
    }

    @Test(arguments: Engine.available, [TestStripeFault.Kind.lostAfterEffect, .lostBeforeEffect, .serverError])
    func `a reversal whose outcome is lost is asked for again`(engine: Engine, fault: TestStripeFault.Kind)
        async throws
    {
        try await withPayouts(engine) { payouts in
            let payout = try await payouts.release()
            payouts.stripe.fail(fault, path: "/v1/transfers/")
            let lost = await payouts.admin("POST", "payouts/\(payout.id)/reverse", ["reason": "an error"])
            #expect(lost.status == 200, "\(lost)")
            #expect(try await payouts.payouts.reversal(of: payout.id).state == .reversed)
            #expect(payouts.stripe.totals["usd"]?.reversed == 9_000)
            #expect(try await payouts.balances(of: payouts.payer) == [.held: 100_000])
        }
    }

    @Test(arguments: Engine.available)
    func `a reversal that the provider refuses leaves the payout transferred`(engine: Engine) async throws {
        try await withPayouts(engine) { payouts in
            let payout = try await payouts.release()
            try payouts.stripe.payOut(payouts.money(9_000), of: payouts.account)
            let refused = await payouts.admin("POST", "payouts/\(payout.id)/reverse", ["reason": "an error"])
            #expect(refused["state"] == "transferred" && refused["reason"]?.string?.isEmpty == false, "\(refused)")
            #expect(try await payouts.balances(of: payouts.payee) == [.inTransit: 9_000])
        }
    }

    @Test(arguments: Engine.available)
    func `the lists have the payouts of their reader`(engine: Engine) async throws {
        try await withPayouts(engine) { payouts in
            for number in 1...3 {
                _ = try await payouts.release(payouts.newPayout("service-\(number)", 1_000, commission: 100))
            }
            let held = try await payouts.begin(
                payouts.newPayout("service-4", 1_100, commission: 100, needsApproval: true))
            let all = await payouts.admin("GET", "payouts?limit=2")
            #expect(all["total"] == 4 && all["data"]?.array?.count == 2)
            #expect(
                await payouts.admin("GET", "payouts?state=held")["data"]?.array?.first?["id"] == .string(held.id.text))
            #expect(await payouts.admin("GET", "payouts?subject=service-2")["total"] == 1)
            let own = await payouts.test.call("GET", "/v1/payouts", token: payouts.payee.token)
            #expect(own["total"] == 4)
            // The reason is an administrator's note.
            #expect(own["data"]?.array?.allSatisfy { ($0["reason"] ?? .null) == .null } == true)
            let others = await payouts.test.call("GET", "/v1/payouts", token: payouts.payer.token)
            #expect(others["total"] == 0)
        }
    }

    @Test(arguments: Engine.available)
    func `only administrators see and change payouts`(engine: Engine) async throws {
        try await withPayouts(engine) { payouts in
            let payout = try await payouts.begin()
            for person in [payouts.payer, payouts.payee] {
                for (method, path, json) in [
                    ("GET", "payouts", nil), ("GET", "payouts/\(payout.id)", nil),
                    ("POST", "payouts/\(payout.id)/approve", nil),
                    ("POST", "payouts/\(payout.id)/cancel", ["reason": "x"]),
                    ("POST", "payouts/\(payout.id)/reverse", ["reason": "x"]),
                    ("GET", "reconciliation-cases", nil), ("GET", "payment-disputes", nil),
                ] as [(String, String, JSONValue?)] {
                    let answer = await payouts.test.call(
                        method, "/v1/admin/\(path)", json: json, token: person.token)
                    #expect(answer.status == 403, "\(method) \(path): \(answer)")
                }
            }
            let unknown = await payouts.admin("GET", "payouts/\(Runtime.system.id(of: Payout.self))")
            #expect(unknown.status == 404)
            #expect(await payouts.admin("POST", "payouts/\(payout.id)/hold", ["reason": ""]).status == 422)
        }
    }

    @Test(arguments: Engine.available)
    func `without a provider nothing pretends`(engine: Engine) async throws {
        try await withTestApp(engine) { test in
            let person = try await test.register()
            let answer = await test.call(
                "POST", "/v1/payout-account/onboarding", json: ["country": "US"], token: person.token)
            #expect(answer.status == 503 && answer.code == "not-configured", "\(answer)")
        }
    }
}
