import Base
import Stripe
import TestKit
import TestStripe
import Testing

/// Requests and objects beside the types of the package `stripe`.
@Suite(.enabled(if: TestStripeServer.canCompareShapes, "stripe is not installed: set GATEHOUSE_PYTHON."))
struct StripeShapesTests {
    @Test func `every request and every object has the shape that the package expects`() async throws {
        let fixture = try await StripeFixture()
        try await useCatalogue(fixture)
        try await usePayments(fixture)
        try await useSubscriptions(fixture)
        try await useConnect(fixture)
        try await readLists(fixture)
        let faults = try fixture.server.shapeFaults()
        #expect(faults.isEmpty, "\(faults.joined(separator: "\n"))")
    }

    @Test func `a parameter that the package does not know is found`() async throws {
        let fixture = try await StripeFixture()
        var request = StripeRequest.createCustomer(email: "ada@example.com")
        request.form.set("nickname", "Ada")
        _ = try await fixture.refusal(of: request)
        var other = StripeRequest.createPaymentIntent(amount: usd(100))
        other.form.set("capture_method", "later")
        _ = try await fixture.refusal(of: other)
        let faults = try fixture.server.shapeFaults()
        #expect(faults.contains("POST /v1/customers nickname: unknown parameter"))
        #expect(faults.contains { $0.hasPrefix("POST /v1/payment_intents capture_method: 'later'") })
    }

    private func done(_ request: StripeRequest, _ fixture: StripeFixture) async throws {
        _ = try await fixture.value(of: request)
    }

    private func useCatalogue(_ fixture: StripeFixture) async throws {
        let metadata = ["a": "b"]
        try await done(.createProduct(id: "p", name: "Pro", metadata: metadata), fixture)
        try await done(.product("p"), fixture)
        let price: StripePrice = try await fixture.make(
            .createPrice(
                product: "p", amount: usd(100), recurring: .init(.month, count: 3), lookupKey: "key",
                takesLookupKey: true, taxBehavior: .exclusive, metadata: metadata))
        try await done(.price(price.id), fixture)
        try await done(.updatePrice(price.id, isActive: false), fixture)
        try await done(.createPrice(product: "p", amount: usd(100), recurring: nil), fixture)
        try await done(
            .createCoupon(
                id: "amount", .amount(usd(5)), duration: .repeating, durationMonths: 3, name: "Five",
                metadata: metadata), fixture)
        try await done(.createCoupon(id: "percent", .percent(hundredths: 1_250), duration: .forever), fixture)
        try await done(.coupon("percent"), fixture)
        try await done(.deleteCoupon("percent"), fixture)
        try await done(
            .createTaxRate(
                name: "VAT", tenThousandths: 192_500, isInclusive: true, country: "DE", metadata: metadata), fixture)
    }

    private func usePayments(_ fixture: StripeFixture) async throws {
        let customer = try await fixture.customer(with: "pm_card_visa")
        try await done(
            .updateCustomer(customer.id, email: "eve@example.com", name: "Eve", metadata: ["a": ""]), fixture)
        try await done(.customer(customer.id), fixture)
        let full: StripePaymentIntent = try await fixture.make(
            .createPaymentIntent(
                amount: usd(5_000), customer: customer.id, description: "Order", paymentMethod: "pm_card_visa",
                confirms: true, isOffSession: true, savesPaymentMethod: true, receiptEmail: "a@example.com",
                transferGroup: "g", returnURL: "https://a.example/", metadata: ["a": "b"]))
        try await done(.paymentIntent(full.id).expanding("latest_charge", "customer"), fixture)
        try await done(.charge(full.latestCharge ?? ""), fixture)
        let refund: StripeRefund = try await fixture.make(
            .createRefund(paymentIntent: full.id, amount: usd(10), reason: .duplicate, metadata: ["a": "b"]))
        try await done(.refund(refund.id), fixture)
        fixture.server.failRefund(refund.id)
        let dispute = try fixture.server.openDispute(paymentIntent: full.id)
        try await done(.dispute(dispute), fixture)
        try await done(.closeDispute(dispute), fixture)
        fixture.server.closeDispute(
            try fixture.server.openDispute(paymentIntent: try await fixture.payment().id), isWon: true)
        let held: StripePaymentIntent = try await fixture.make(
            .createPaymentIntent(
                amount: usd(80), paymentMethod: "pm_card_visa", confirms: true, isCapturedLater: true))
        try await done(.capturePaymentIntent(held.id, amount: usd(70)), fixture)
        let open: StripePaymentIntent = try await fixture.make(.createPaymentIntent(amount: usd(80)))
        _ = try await fixture.refusal(
            of: .confirmPaymentIntent(
                open.id, paymentMethod: "pm_card_chargeDeclined", isOffSession: true, returnURL: "https://a.example/"))
        try fixture.server.pay(open.id, with: "pm_card_authenticationRequired")
        try await done(.paymentIntent(open.id), fixture)
        try await done(.cancelPaymentIntent(open.id, reason: .abandoned), fixture)
        let debit: StripePaymentIntent = try await fixture.make(
            .createPaymentIntent(amount: usd(80), paymentMethod: "pm_usBankAccount", confirms: true))
        fixture.server.finishProcessing(of: debit.id, succeeds: false)
        let method: StripePaymentMethod = try await fixture.make(.attachPaymentMethod("pm_card_visa", to: customer.id))
        try await done(.paymentMethod(method.id), fixture)
        try await done(.updateCustomer(customer.id, defaultPaymentMethod: method.id), fixture)
        try await done(.detachPaymentMethod(method.id), fixture)
        let setup: StripeSetupIntent = try await fixture.make(
            .createSetupIntent(customer: customer.id, metadata: ["a": "b"]))
        try await done(
            .confirmSetupIntent(setup.id, paymentMethod: "pm_card_visa", returnURL: "https://a.example/"), fixture)
        try await done(.setupIntent(setup.id), fixture)
        let other: StripeSetupIntent = try await fixture.make(.createSetupIntent(customer: customer.id))
        try await done(.cancelSetupIntent(other.id), fixture)
        try await done(
            .createPortalSession(customer: customer.id, returnURL: "https://a.example/", locale: "de"), fixture)
        let checkout: StripeCheckoutSession = try await fixture.make(
            .createPaymentCheckout(
                customer: customer.id, amount: usd(70), name: "Seats", successURL: "https://a.example/",
                cancelURL: "https://a.example/", reference: "r", transferGroup: "g",
                expiresAt: fixture.clock.now + .hours(2), locale: "de", metadata: ["a": "b"]))
        try fixture.server.completeCheckout(checkout.id)
        try await done(.checkoutSession(checkout.id), fixture)
        let gone = try await fixture.customer()
        try await done(.deleteCustomer(gone.id), fixture)
    }

    private func useSubscriptions(_ fixture: StripeFixture) async throws {
        let customer = try await fixture.customer()
        let price = try await fixture.price(1_000)
        let large = try await fixture.price(3_000)
        let rate: StripeTaxRate = try await fixture.make(
            .createTaxRate(name: "VAT", tenThousandths: 190_000, isInclusive: true))
        try await done(.createCoupon(id: "once", .percent(hundredths: 500), duration: .once), fixture)
        let incomplete: StripeSubscription = try await fixture.make(
            .createSubscription(customer: customer.id, price: price.id, metadata: ["a": "b"]))
        try fixture.server.payLatestInvoice(of: incomplete.id)
        let invoice = incomplete.latestInvoice ?? ""
        try await done(.invoice(invoice).expanding("confirmation_secret"), fixture)
        try await done(.invoicePayments(invoice: invoice), fixture)
        try await done(.invoicePayments(paymentIntent: "pi_none"), fixture)
        let trial: StripeSubscription = try await fixture.make(
            .createSubscription(
                customer: try await fixture.customer().id, price: price.id, quantity: 2, behavior: .allowIncomplete,
                coupon: "once", taxRates: [rate.id], trialEnd: fixture.clock.now + .days(5),
                pausesWithoutPaymentMethod: true, isOffSession: true))
        let full = try await fixture.subscription(price, of: customer)
        let item = full.items[0].id
        try await done(
            .previewChange(
                of: full.id, customer: customer.id, item: item, price: large.id, quantity: 2,
                proration: .alwaysInvoice, prorationDate: fixture.clock.now, startsNewPeriod: true), fixture)
        try await done(.previewInvoice(of: full.id), fixture)
        try await done(
            .changeSubscription(
                full.id, item: item, price: large.id, quantity: 2, proration: .alwaysInvoice,
                behavior: .pendingIfIncomplete, prorationDate: fixture.clock.now, startsNewPeriod: true,
                metadata: ["a": "b"]), fixture)
        try await done(
            .changeSubscription(full.id, item: item, price: price.id, proration: .createProrations), fixture)
        try await done(
            .updateSubscription(full.id, cancelsAtPeriodEnd: true, coupon: "once", metadata: ["c": "d"]), fixture)
        try await done(.updateSubscription(full.id, cancelsAtPeriodEnd: false), fixture)
        try await done(
            .updateSubscription(full.id, defaultPaymentMethod: full.defaultPaymentMethod), fixture)
        try await done(.pauseCollection(full.id, resumesAt: fixture.clock.now + .days(9)), fixture)
        try await done(.resumeCollection(full.id), fixture)
        let other = try await fixture.customer()
        let renewed = try await fixture.subscription(price, of: other)
        fixture.server.setCards(of: customer.id, .needsAuthentication)
        let pending: StripeSubscription = try await fixture.make(
            .changeSubscription(
                full.id, item: item, price: large.id, proration: .alwaysInvoice, behavior: .pendingIfIncomplete))
        #expect(pending.hasPendingUpdate)
        fixture.clock.advance(by: .days(2))
        fixture.server.setCards(of: other.id, .declines(code: "card_declined", declineCode: nil))
        fixture.clock.advance(by: .days(30))
        _ = try await fixture.refusal(
            of: .payInvoice(try await fixture.current(renewed).latestInvoice ?? "", isOffSession: true))
        try await done(.voidInvoice(try await fixture.current(renewed).latestInvoice ?? ""), fixture)
        try await done(
            .createSubscriptionCheckout(
                customer: customer.id, price: price.id, successURL: "https://a.example/", cancelURL: nil,
                coupon: "once", taxRates: [rate.id], trialEnd: fixture.clock.now + .days(3)), fixture)
        #expect(try await fixture.current(trial).status == .paused)
        let method: StripePaymentMethod = try await fixture.make(
            .attachPaymentMethod("pm_card_visa", to: trial.customer))
        try await done(.updateCustomer(trial.customer, defaultPaymentMethod: method.id), fixture)
        try await done(.resumeSubscription(trial.id), fixture)
        try await done(.subscription(full.id).expanding("latest_invoice", "customer"), fixture)
        try await done(.cancelSubscription(full.id, invoicesNow: true, prorates: true), fixture)
    }

    private func useConnect(_ fixture: StripeFixture) async throws {
        fixture.server.addFunds(usd(100_000))
        let account: StripeAccount = try await fixture.make(
            .createAccount(email: "bo@example.com", country: "DE", metadata: ["a": "b"]))
        try await done(
            .createAccountLink(account: account.id, refreshURL: "https://a.example/", returnURL: "https://b.example/"),
            fixture)
        fixture.server.onboard(account.id)
        try await done(.account(account.id), fixture)
        try await done(.createLoginLink(account: account.id), fixture)
        let charge = try #require(try await fixture.payment().latestCharge)
        let transfer: StripeTransfer = try await fixture.make(
            .createTransfer(
                amount: usd(500), destination: account.id, transferGroup: "g", sourceCharge: charge,
                description: "Payout", metadata: ["a": "b"]))
        try await done(.reverseTransfer(transfer.id, amount: usd(5), metadata: ["a": "b"]), fixture)
        try await done(.transfer(transfer.id), fixture)
        try await done(.transferReversals(of: transfer.id), fixture)
        let payout = try fixture.server.payOut(usd(100), of: account.id)
        fixture.server.finishPayout(payout, isPaid: true)
        fixture.server.finishPayout(payout, isPaid: false)
        try await done(.payout(payout, of: account.id), fixture)
        var transactions = StripeRequest.balanceTransactions().acting(for: account.id)
        transactions.form.set("payout", payout)
        try await done(transactions.expanding("data.source"), fixture)
        try await done(.payouts(of: account.id, status: "failed"), fixture)
        try await done(.balance(of: account.id), fixture)
        try await done(.balance(), fixture)
        try await done(.deleteAccount(fixture.server.makeAccount()), fixture)
    }

    private func readLists(_ fixture: StripeFixture) async throws {
        let created = StripeTimeRange(from: Instant(seconds: 0), before: fixture.clock.now + .days(1))
        let page = StripePage(limit: 3)
        for request in [
            .customers(email: "eve@example.com", page: page),
            .prices(lookupKeys: ["key"], product: "p", isActive: true),
            .checkoutSessions(customer: "cus", paymentIntent: "pi", subscription: "sub"), .checkoutSessions(page: page),
            .paymentIntents(customer: "cus", created: created), .paymentIntents(page: page),
            .paymentMethods(customer: "cus", type: "card"), .subscriptions(customer: "cus", status: "all"),
            .subscriptions(page: page),
            .invoices(customer: "cus", subscription: "sub", status: .open, created: created), .invoices(page: page),
            .refunds(paymentIntent: "pi", charge: "ch", created: created), .refunds(page: page),
            .charges(customer: "cus", paymentIntent: "pi", transferGroup: "g", created: created),
            .charges(page: page), .disputes(paymentIntent: "pi", charge: "ch", created: created),
            .disputes(page: page), .transfers(transferGroup: "g", destination: "acct", created: created),
            .transfers(page: page), .events(types: ["charge.*"], created: created), .events(page: page),
            .balanceTransactions(created: created, type: "charge", source: "ch", currency: "usd"),
            .balanceTransactions(page: StripePage(limit: 100)),
        ] as [StripeRequest] {
            try await done(request, fixture)
        }
        let newest = try await fixture.client.page(.events(page: page), of: StripeEvent.self)
        try await done(.event(newest.elements[0].id), fixture)
        try await done(.balanceTransaction(fixture.server.objects(StripeBalanceTransaction.self)[0].id), fixture)
    }
}
