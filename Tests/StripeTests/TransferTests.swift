import Base
import Stripe
import TestKit
import TestStripe
import Testing

@Suite struct TransferTests {
    private func transfer(_ units: Int64, to account: String, group: String = "g") -> StripeRequest {
        .createTransfer(amount: usd(units), destination: account, transferGroup: group, metadata: ["payout": group])
    }

    @Test func `an account is onboarded before it receives transfers`() async throws {
        let fixture = try await StripeFixture()
        fixture.server.addFunds(usd(1_000))
        let account: StripeAccount = try await fixture.make(
            .createAccount(email: "bo@example.com", country: "US", metadata: ["provider": "1"]))
        #expect(!account.areTransfersActive)
        #expect(!account.currentlyDue.isEmpty)
        let link: StripeAccountLink = try await fixture.make(
            .createAccountLink(account: account.id, refreshURL: "https://a.example/", returnURL: "https://a.example/"))
        #expect(link.url.contains(account.id))
        #expect(
            try await fixture.refusal(of: transfer(100, to: account.id)).code
                == "insufficient_capabilities_for_transfer")
        fixture.server.onboard(account.id)
        let after: StripeAccount = try await fixture.client.fetch(.account(account.id))
        #expect(after.areTransfersActive)
        #expect(after.arePayoutsEnabled)
        let login: StripeLoginLink = try await fixture.make(.createLoginLink(account: account.id))
        #expect(!login.url.isEmpty)
        let made: StripeTransfer = try await fixture.make(transfer(100, to: account.id))
        #expect(made.destination == account.id)
        fixture.server.restrict(account.id)
        let restricted: StripeAccount = try await fixture.client.fetch(.account(account.id))
        #expect(restricted.disabledReason == "rejected.fraud")
        #expect(try await fixture.refusal(of: transfer(100, to: account.id)).status == 400)
        #expect(try await fixture.refusal(of: transfer(100, to: "acct_none")).status == 400)
    }

    @Test func `never transfers more than is available`() async throws {
        let fixture = try await StripeFixture()
        let account = fixture.server.makeAccount()
        fixture.server.addFunds(usd(100))
        let _: StripeTransfer = try await fixture.make(transfer(100, to: account))
        #expect(try await fixture.refusal(of: transfer(1, to: account)).code == "balance_insufficient")
        let balance: StripeBalance = try await fixture.client.fetch(.balance(of: account))
        #expect(balance.available == [usd(100)])
    }

    @Test func `a transfer from a charge does not wait for its settlement`() async throws {
        var settings = TestStripeServer.Settings()
        settings.settlementDelay = .days(2)
        let fixture = try await StripeFixture(settings)
        let account = fixture.server.makeAccount()
        let charge = try #require(try await fixture.payment(1_000).latestCharge)
        func request(_ units: Int64) -> StripeRequest {
            .createTransfer(amount: usd(units), destination: account, transferGroup: "g", sourceCharge: charge)
        }
        let made: StripeTransfer = try await fixture.make(request(900))
        #expect(made.sourceCharge == charge)
        #expect(try await fixture.refusal(of: request(101)).status == 400)
        fixture.clock.advance(by: .days(2))
        let balance: StripeBalance = try await fixture.client.fetch(.balance(of: account))
        #expect(balance.available == [usd(900)])
    }

    @Test func `transfers are found by their group`() async throws {
        let fixture = try await StripeFixture()
        let account = fixture.server.makeAccount()
        fixture.server.addFunds(usd(1_000))
        var made: [String] = []
        for group in ["a", "b", "a"] {
            made.append(try await fixture.make(transfer(10, to: account, group: group), as: StripeTransfer.self).id)
        }
        let found = try await fixture.client.list(of: StripeTransfer.self) {
            .transfers(transferGroup: "a", page: $0)
        }
        #expect(found.elements.map(\.id) == [made[2], made[0]])
        #expect(found.elements[0].metadata == ["payout": "a"])
        let none = try await fixture.client.list(of: StripeTransfer.self) {
            .transfers(transferGroup: "c", page: $0)
        }
        #expect(none.elements.isEmpty)
    }

    @Test func `a reversal takes back no more than was transferred and is there`() async throws {
        let fixture = try await StripeFixture()
        let account = fixture.server.makeAccount()
        fixture.server.addFunds(usd(100))
        let made: StripeTransfer = try await fixture.make(transfer(100, to: account))
        let reversal: StripeTransferReversal = try await fixture.make(.reverseTransfer(made.id, amount: usd(30)))
        #expect(reversal.transfer == made.id)
        #expect(try await fixture.refusal(of: .reverseTransfer(made.id, amount: usd(71))).status == 400)
        let payout = try fixture.server.payOut(usd(50), of: account)
        #expect(try await fixture.refusal(of: .reverseTransfer(made.id)).code == "balance_insufficient")
        fixture.server.finishPayout(payout, isPaid: true)
        fixture.server.finishPayout(payout, isPaid: false)
        let returned: StripePayout = try await fixture.client.fetch(.payout(payout, of: account))
        #expect(returned.status == .failed)
        #expect(returned.failureCode != nil)
        let rest: StripeTransferReversal = try await fixture.make(.reverseTransfer(made.id))
        #expect(rest.amount == usd(70))
        let after: StripeTransfer = try await fixture.client.fetch(.transfer(made.id))
        #expect(after.isReversed)
        let reversals = try await fixture.client.page(
            .transferReversals(of: made.id), of: StripeTransferReversal.self)
        #expect(reversals.elements.map(\.amount) == [usd(70), usd(30)])
        let payouts = try await fixture.client.page(.payouts(of: account), of: StripePayout.self)
        #expect(payouts.elements.map(\.id) == [payout])
        #expect(fixture.server.totals["usd"] == TestStripeTotals(transferred: 100, reversed: 100, added: 100))
    }

    @Test func `balance transactions add up to the balance`() async throws {
        var settings = TestStripeServer.Settings()
        settings.feeHundredths = 290
        let fixture = try await StripeFixture(settings)
        let account = fixture.server.makeAccount()
        let intent = try await fixture.payment(10_000)
        let _: StripeRefund = try await fixture.make(.createRefund(paymentIntent: intent.id, amount: usd(1_000)))
        let made: StripeTransfer = try await fixture.make(transfer(5_000, to: account))
        let _: StripeTransferReversal = try await fixture.make(.reverseTransfer(made.id, amount: usd(500)))
        try fixture.server.openDispute(paymentIntent: intent.id, amount: 200)
        let all = try await fixture.client.list(of: StripeBalanceTransaction.self) { .balanceTransactions(page: $0) }
        let sum = all.elements.reduce(0) { $0 + $1.net.minorUnits }
        #expect(sum == fixture.server.totals["usd"]?.balance)
        #expect(all.elements.reduce(0) { $0 + $1.amount.minorUnits - $1.fee.minorUnits } == sum)
        let balance: StripeBalance = try await fixture.client.fetch(.balance())
        #expect(balance.available == [usd(sum)])
        let transfers = try await fixture.client.page(
            .balanceTransactions(type: "transfer", source: made.id), of: StripeBalanceTransaction.self)
        #expect(transfers.elements.map(\.amount) == [usd(-5_000)])
    }

    @Test func `an account with money cannot be deleted`() async throws {
        let fixture = try await StripeFixture()
        let account = fixture.server.makeAccount()
        fixture.server.addFunds(usd(10))
        let made: StripeTransfer = try await fixture.make(transfer(10, to: account))
        #expect(try await fixture.refusal(of: .deleteAccount(account)).status == 400)
        let _: StripeTransferReversal = try await fixture.make(.reverseTransfer(made.id))
        guard case .done = await fixture.client.send(.deleteAccount(account), key: nil) else {
            Issue.record("not deleted")
            return
        }
        #expect(try await fixture.refusal(of: transfer(1, to: account)).status == 400)
    }

    @Test func `transfers at once are all made`() async throws {
        let fixture = try await StripeFixture()
        let account = fixture.server.makeAccount()
        fixture.server.addFunds(usd(1_000_000))
        let count = TestScale.rounds(3_000)
        let client = fixture.client
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            for worker in 0..<8 {
                tasks.addTask {
                    for number in stride(from: worker, to: count, by: 8) {
                        let request = transfer(1, to: account, group: "g\(number)")
                        guard case .done = await client.send(request, key: "t\(number)") else {
                            Issue.record("transfer \(number)")
                            return
                        }
                    }
                }
            }
            try await tasks.waitForAll()
        }
        #expect(fixture.server.totals["usd"]?.transferred == Int64(count))
    }
}
