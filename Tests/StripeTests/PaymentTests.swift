import Base
import Stripe
import TestKit
import TestStripe
import Testing

@Suite struct PaymentTests {
    @Test func `a payment is confirmed on the page of the customer`() async throws {
        let fixture = try await StripeFixture()
        let intent: StripePaymentIntent = try await fixture.make(
            .createPaymentIntent(amount: usd(1_000), description: "Order 7", metadata: ["order": "7"]))
        #expect(intent.status == .requiresPaymentMethod)
        #expect(intent.clientSecret?.hasPrefix(intent.id) == true)
        #expect(throws: TestStripeServer.Refusal.self) {
            try fixture.server.pay(intent.id, with: "pm_card_chargeDeclined")
        }
        let declined: StripePaymentIntent = try await fixture.client.fetch(.paymentIntent(intent.id))
        #expect(declined.status == .requiresPaymentMethod)
        #expect(declined.lastError?.code == "card_declined")
        try fixture.server.pay(intent.id)
        let paid: StripePaymentIntent = try await fixture.client.fetch(
            .paymentIntent(intent.id).expanding("latest_charge"))
        #expect(paid.status == .succeeded)
        #expect(paid.amountReceived == usd(1_000))
        #expect(paid.charge?.status == .succeeded)
        #expect(paid.lastError == nil)
        #expect(fixture.server.totals == ["usd": TestStripeTotals(charged: 1_000)])
    }

    @Test func `a payment that needs the customer waits for them`() async throws {
        let fixture = try await StripeFixture()
        let customer = try await fixture.customer()
        let request = StripeRequest.createPaymentIntent(
            amount: usd(500), customer: customer.id, paymentMethod: "pm_card_authenticationRequired", confirms: true)
        let intent: StripePaymentIntent = try await fixture.make(request)
        #expect(intent.status == .requiresAction)
        #expect(intent.redirectURL != nil)
        try fixture.server.authenticate(intent.id)
        #expect(fixture.server.object(intent.id, as: StripePaymentIntent.self)?.status == .succeeded)
        let absent = StripeRequest.createPaymentIntent(
            amount: usd(500), customer: customer.id, paymentMethod: "pm_card_authenticationRequired", confirms: true,
            isOffSession: true)
        #expect(try await fixture.refusal(of: absent).code == "authentication_required")
    }

    @Test func `a bank debit is processed for days`() async throws {
        let fixture = try await StripeFixture()
        for succeeds in [true, false] {
            let intent: StripePaymentIntent = try await fixture.make(
                .createPaymentIntent(amount: usd(500), paymentMethod: "pm_usBankAccount", confirms: true))
            #expect(intent.status == .processing)
            fixture.server.finishProcessing(of: intent.id, succeeds: succeeds)
            let after: StripePaymentIntent = try await fixture.client.fetch(.paymentIntent(intent.id))
            #expect(after.status == (succeeds ? .succeeded : .requiresPaymentMethod))
        }
    }

    @Test func `an authorization is captured once, in part, or expires`() async throws {
        let fixture = try await StripeFixture()
        func authorize() async throws -> StripePaymentIntent {
            try await fixture.make(
                .createPaymentIntent(
                    amount: usd(800), paymentMethod: "pm_card_visa", confirms: true, isCapturedLater: true))
        }
        let first = try await authorize()
        #expect(first.status == .requiresCapture)
        #expect(first.amountCapturable == usd(800))
        #expect(try await fixture.refusal(of: .capturePaymentIntent(first.id, amount: usd(801))).status == 400)
        let captured: StripePaymentIntent = try await fixture.make(
            .capturePaymentIntent(first.id, amount: usd(300)))
        #expect(captured.amountReceived == usd(300))
        #expect(try await fixture.refusal(of: .capturePaymentIntent(first.id)).status == 400)
        let second = try await authorize()
        let canceled: StripePaymentIntent = try await fixture.make(
            .cancelPaymentIntent(second.id, reason: .requestedByCustomer))
        #expect(canceled.status == .canceled)
        #expect(
            try await fixture.refusal(of: .cancelPaymentIntent(second.id)).code == "payment_intent_unexpected_state")
        let third = try await authorize()
        fixture.clock.advance(by: .days(7))
        let expired: StripePaymentIntent = try await fixture.client.fetch(.paymentIntent(third.id))
        #expect(expired.status == .canceled)
        #expect(fixture.server.totals["usd"]?.charged == 300)
    }

    @Test func `refunds never exceed the charge`() async throws {
        let fixture = try await StripeFixture()
        let intent = try await fixture.payment(1_000)
        let first: StripeRefund = try await fixture.make(
            .createRefund(paymentIntent: intent.id, amount: usd(400), reason: .requestedByCustomer))
        #expect(first.status == .succeeded)
        #expect(try await fixture.refusal(of: .createRefund(paymentIntent: intent.id, amount: usd(601))).status == 400)
        let rest: StripeRefund = try await fixture.make(.createRefund(paymentIntent: intent.id))
        #expect(rest.amount == usd(600))
        #expect(
            try await fixture.refusal(of: .createRefund(paymentIntent: intent.id)).code == "charge_already_refunded")
        let list = try await fixture.client.page(.refunds(paymentIntent: intent.id), of: StripeRefund.self)
        #expect(list.elements.map(\.amount) == [usd(600), usd(400)])
        fixture.server.failRefund(first.id)
        let failed: StripeRefund = try await fixture.client.fetch(.refund(first.id))
        #expect(failed.status == .failed)
        #expect(fixture.server.totals["usd"]?.balance == 400)
    }

    @Test func `a dispute takes the money, and returns it where it is won`() async throws {
        var settings = TestStripeServer.Settings()
        settings.disputeFee = 1_500
        let fixture = try await StripeFixture(settings)
        let intent = try await fixture.payment(5_000)
        let won = try fixture.server.openDispute(paymentIntent: intent.id)
        let dispute: StripeDispute = try await fixture.client.fetch(.dispute(won))
        #expect(dispute.status == .needsResponse)
        #expect(dispute.balanceTransactions.map(\.net) == [usd(-6_500)])
        #expect(try await fixture.refusal(of: .createRefund(paymentIntent: intent.id)).code == "charge_disputed")
        fixture.server.closeDispute(won, isWon: true)
        #expect(fixture.server.totals["usd"]?.balance == 3_500)
        fixture.server.closeDispute(won, isWon: false)
        #expect(fixture.server.object(won, as: StripeDispute.self)?.status == .won)
        let lost = try fixture.server.openDispute(paymentIntent: try await fixture.payment(700).id)
        let closed: StripeDispute = try await fixture.make(.closeDispute(lost))
        #expect(closed.status == .lost)
        #expect(try await fixture.refusal(of: .closeDispute(lost)).status == 400)
    }

    @Test func `fees and the delay of settlement are in the balance`() async throws {
        var settings = TestStripeServer.Settings()
        settings.feeHundredths = 290
        settings.feeFixed = 30
        settings.settlementDelay = .days(2)
        let fixture = try await StripeFixture(settings)
        _ = try await fixture.payment(10_000)
        var balance: StripeBalance = try await fixture.client.fetch(.balance())
        #expect(balance.pending == [usd(9_680)])
        #expect(balance.available == [usd(0)])
        fixture.clock.advance(by: .days(2))
        balance = try await fixture.client.fetch(.balance())
        #expect(balance.available == [usd(9_680)])
        let list = try await fixture.client.page(.balanceTransactions(), of: StripeBalanceTransaction.self)
        #expect(list.elements.first?.fee == usd(320))
        #expect(list.elements.first?.kind == .charge)
    }

    @Test func `amounts are those that Stripe accepts in their currency`() async throws {
        let fixture = try await StripeFixture()
        let kwd = try #require(Currency("kwd"))
        #expect(try await fixture.refusal(of: .createPaymentIntent(amount: Money(1_005, kwd))).status == 400)
        #expect(try await fixture.refusal(of: .createPaymentIntent(amount: usd(0))).status == 400)
        #expect(try await fixture.refusal(of: .createPaymentIntent(amount: usd(-5))).status == 400)
        let isk = try #require(Currency("isk"))
        let intent: StripePaymentIntent = try await fixture.make(.createPaymentIntent(amount: Money(5, isk)))
        #expect(intent.amount == Money(5, isk))
        #expect(fixture.server.exchanges.last?.fields.first { $0.name == "amount" }?.value == "500")
    }

    @Test func `payment methods are attached, listed, made the default and detached`() async throws {
        let fixture = try await StripeFixture()
        let customer = try await fixture.customer()
        #expect(
            try await fixture.refusal(of: .attachPaymentMethod("pm_card_chargeDeclined", to: customer.id)).code
                == "card_declined")
        let method: StripePaymentMethod = try await fixture.make(
            .attachPaymentMethod("pm_card_visa", to: customer.id))
        #expect(method.card?.lastFour == "4242")
        let updated: StripeCustomer = try await fixture.make(
            .updateCustomer(customer.id, defaultPaymentMethod: method.id))
        #expect(updated.defaultPaymentMethod == method.id)
        let list = try await fixture.client.page(
            .paymentMethods(customer: customer.id), of: StripePaymentMethod.self)
        #expect(list.elements.map(\.id) == [method.id])
        let other = try await fixture.customer()
        #expect(try await fixture.refusal(of: .attachPaymentMethod(method.id, to: other.id)).status == 400)
        let detached: StripePaymentMethod = try await fixture.make(.detachPaymentMethod(method.id))
        #expect(detached.customer == nil)
        let after: StripeCustomer = try await fixture.client.fetch(.customer(customer.id))
        #expect(after.defaultPaymentMethod == nil)
    }

    @Test func `a setup intent attaches a payment method`() async throws {
        let fixture = try await StripeFixture()
        let customer = try await fixture.customer()
        let intent: StripeSetupIntent = try await fixture.make(.createSetupIntent(customer: customer.id))
        #expect(intent.status == .requiresPaymentMethod)
        try fixture.server.completeSetup(intent.id)
        let after: StripeSetupIntent = try await fixture.client.fetch(.setupIntent(intent.id))
        #expect(after.status == .succeeded)
        let method: StripePaymentMethod = try await fixture.client.fetch(.paymentMethod(after.paymentMethod ?? ""))
        #expect(method.customer == customer.id)
    }

    @Test func `a deleted customer is gone, and their subscriptions end`() async throws {
        let fixture = try await StripeFixture()
        let customer = try await fixture.customer()
        let subscription = try await fixture.subscription(try await fixture.price(), of: customer)
        guard case .done(let value) = await fixture.client.send(.deleteCustomer(customer.id), key: nil) else {
            Issue.record("not deleted")
            return
        }
        #expect(try StripeDeletion(value).id == customer.id)
        let after: StripeCustomer = try await fixture.client.fetch(.customer(customer.id))
        #expect(after.isDeleted)
        #expect(try await fixture.current(subscription).status == .canceled)
        #expect(try await fixture.refusal(of: .deleteCustomer(customer.id)).isMissing)
        #expect(try await fixture.refusal(of: .createSetupIntent(customer: customer.id)).isMissing)
    }

    @Test func `an unknown parameter is refused`() async throws {
        let fixture = try await StripeFixture()
        var request = StripeRequest.createCustomer(email: "ada@example.com")
        request.form.set("nickname", "Ada")
        #expect(try await fixture.refusal(of: request).code == "parameter_unknown")
        #expect(try await fixture.refusal(of: StripeRequest(.post, "/v1/nothing")).status == 404)
    }
}
