import Base
import Stripe
import TestKit
import TestStripe
import Testing

@Suite struct SubscriptionTests {
    @Test func `an incomplete subscription is paid on the page`() async throws {
        let fixture = try await StripeFixture()
        let customer = try await fixture.customer()
        let price = try await fixture.price()
        let subscription: StripeSubscription = try await fixture.make(
            .createSubscription(customer: customer.id, price: price.id, metadata: ["organisation": "1"]))
        #expect(subscription.status == .incomplete)
        #expect(subscription.invoice?.status == .open)
        #expect(subscription.invoice?.clientSecret != nil)
        try fixture.server.payLatestInvoice(of: subscription.id)
        let after = try await fixture.current(subscription)
        #expect(after.status == .active)
        #expect(after.defaultPaymentMethod != nil)
        #expect(after.periodStart == fixture.clock.now)
        // 31 January is followed by 28 February.
        #expect(after.periodEnd == Instant("2026-02-28T12:00:00Z"))
    }

    @Test func `a subscription that is not paid within 23 hours expires`() async throws {
        let fixture = try await StripeFixture()
        let customer = try await fixture.customer()
        let price = try await fixture.price()
        let subscription: StripeSubscription = try await fixture.make(
            .createSubscription(customer: customer.id, price: price.id))
        fixture.clock.advance(by: .hours(23))
        #expect(try await fixture.current(subscription).status == .incompleteExpired)
        let invoice: StripeInvoice = try await fixture.client.fetch(.invoice(subscription.latestInvoice ?? ""))
        #expect(invoice.status == .void)
        #expect(throws: TestStripeServer.Refusal.self) { try fixture.server.payLatestInvoice(of: subscription.id) }
    }

    @Test func `renews on the day of its anchor`() async throws {
        let fixture = try await StripeFixture()
        let subscription = try await fixture.subscription(try await fixture.price(), of: try await fixture.customer())
        #expect(subscription.status == .active)
        var ends: [Instant?] = []
        for _ in 0..<3 {
            fixture.clock.set(try #require(try await fixture.current(subscription).periodEnd))
            ends.append(try await fixture.current(subscription).periodEnd)
        }
        #expect(
            ends == [
                Instant("2026-03-31T12:00:00Z"), Instant("2026-04-30T12:00:00Z"), Instant("2026-05-31T12:00:00Z"),
            ])
        let invoices = try await fixture.client.page(
            .invoices(subscription: subscription.id, status: .paid), of: StripeInvoice.self)
        #expect(invoices.elements.map(\.total) == [usd(2_000), usd(2_000), usd(2_000), usd(2_000)])
        #expect(invoices.elements.first?.billingReason == StripeState(.subscriptionCycle))
        #expect(fixture.server.totals["usd"]?.charged == 8_000)
    }

    @Test func `catches up with months that passed unseen`() async throws {
        let fixture = try await StripeFixture()
        let subscription = try await fixture.subscription(try await fixture.price(), of: try await fixture.customer())
        fixture.clock.advance(by: .days(365))
        #expect(try await fixture.current(subscription).periodEnd == Instant("2027-02-28T12:00:00Z"))
        #expect(fixture.server.totals["usd"]?.charged == 26_000)
    }

    @Test func `a failed renewal is tried again, and recovers`() async throws {
        let fixture = try await StripeFixture()
        let customer = try await fixture.customer()
        let subscription = try await fixture.subscription(try await fixture.price(), of: customer)
        fixture.server.setCards(of: customer.id, .declines(code: "card_declined", declineCode: "insufficient_funds"))
        fixture.clock.set(try #require(subscription.periodEnd))
        let failed = try await fixture.current(subscription)
        #expect(failed.status == .pastDue)
        let invoice: StripeInvoice = try await fixture.client.fetch(.invoice(failed.latestInvoice ?? ""))
        #expect(invoice.attemptCount == 1)
        #expect(invoice.nextPaymentAttempt == fixture.clock.now + .days(3))
        fixture.server.setCards(of: customer.id, .succeeds)
        fixture.clock.advance(by: .days(3))
        #expect(try await fixture.current(subscription).status == .active)
    }

    @Test(arguments: [StripeSubscription.Status.canceled, .unpaid, .pastDue])
    func `after the last attempt`(status: StripeSubscription.Status) async throws {
        var settings = TestStripeServer.Settings()
        settings.afterRetries = status
        let fixture = try await StripeFixture(settings)
        let customer = try await fixture.customer()
        let subscription = try await fixture.subscription(try await fixture.price(), of: customer)
        fixture.server.setCards(of: customer.id, .declines(code: "card_declined", declineCode: nil))
        fixture.clock.set(try #require(subscription.periodEnd))
        fixture.clock.advance(by: .days(15))
        #expect(try await fixture.current(subscription).status == status)
        if status == .unpaid {
            fixture.server.setCards(of: customer.id, .succeeds)
            let invoice = try await fixture.current(subscription).latestInvoice ?? ""
            let paid: StripeInvoice = try await fixture.make(.payInvoice(invoice))
            #expect(paid.status == .paid)
            #expect(try await fixture.current(subscription).status == .active)
        }
    }

    @Test func `ends at the end of the period, unless that is undone`() async throws {
        let fixture = try await StripeFixture()
        let subscription = try await fixture.subscription(try await fixture.price(), of: try await fixture.customer())
        let ending: StripeSubscription = try await fixture.make(
            .updateSubscription(subscription.id, cancelsAtPeriodEnd: true))
        #expect(ending.cancelAt == ending.periodEnd)
        let kept: StripeSubscription = try await fixture.make(
            .updateSubscription(subscription.id, cancelsAtPeriodEnd: false))
        #expect(kept.cancelAt == nil)
        fixture.clock.set(try #require(subscription.periodEnd))
        #expect(try await fixture.current(subscription).status == .active)
        let again: StripeSubscription = try await fixture.make(
            .updateSubscription(subscription.id, cancelsAtPeriodEnd: true))
        fixture.clock.set(try #require(again.periodEnd))
        #expect(try await fixture.current(subscription).status == .canceled)
        #expect(fixture.server.totals["usd"]?.charged == 4_000)
    }

    @Test func `a second cancellation is refused as missing`() async throws {
        let fixture = try await StripeFixture()
        let subscription = try await fixture.subscription(try await fixture.price(), of: try await fixture.customer())
        let canceled: StripeSubscription = try await fixture.make(.cancelSubscription(subscription.id))
        #expect(canceled.status == .canceled)
        #expect(canceled.endedAt == fixture.clock.now)
        #expect(try await fixture.refusal(of: .cancelSubscription(subscription.id)).isMissing)
    }

    @Test func `a trial ends with a payment, or is paused without a method`() async throws {
        let fixture = try await StripeFixture()
        let price = try await fixture.price()
        let end = fixture.clock.now + .days(14)
        let paying = try await fixture.subscription(price, of: try await fixture.customer(), trialEnd: end)
        #expect(paying.status == .trialing)
        #expect(paying.trialEnd == end)
        let pausing = try await fixture.subscription(
            price, of: try await fixture.customer(), method: nil, trialEnd: end, pauses: true)
        #expect(pausing.setupIntent?.status == .requiresPaymentMethod)
        fixture.clock.set(end - .days(3))
        #expect(try await fixture.current(paying).status == .trialing)
        #expect(
            fixture.server.webhooks().filter { $0.event.type == "customer.subscription.trial_will_end" }.count == 2)
        fixture.clock.set(end)
        #expect(try await fixture.current(paying).status == .active)
        #expect(fixture.server.totals["usd"]?.charged == 2_000)
        #expect(try await fixture.current(pausing).status == .paused)
        let customer = pausing.customer
        let method: StripePaymentMethod = try await fixture.make(.attachPaymentMethod("pm_card_visa", to: customer))
        let _: StripeCustomer = try await fixture.make(.updateCustomer(customer, defaultPaymentMethod: method.id))
        let resumed: StripeSubscription = try await fixture.make(.resumeSubscription(pausing.id))
        #expect(resumed.status == .active)
        #expect(fixture.server.totals["usd"]?.charged == 4_000)
    }

    @Test func `a preview has the amounts of the change`() async throws {
        let fixture = try await StripeFixture()
        let small = try await fixture.price(1_000)
        let large = try await fixture.price(3_000)
        let subscription = try await fixture.subscription(small, of: try await fixture.customer())
        fixture.clock.advance(by: .days(14))
        let item = subscription.items[0].id
        let date = fixture.clock.now
        let preview: StripeInvoice = try await fixture.make(
            .previewChange(
                of: subscription.id, customer: subscription.customer, item: item, price: large.id,
                proration: .alwaysInvoice, prorationDate: date))
        // Half of the 28 days is left.
        #expect(preview.lines.map(\.amount) == [usd(-500), usd(1_500)])
        #expect(preview.total == usd(1_000))
        #expect(preview.lines.map(\.isProration) == [true, true])
        #expect(try await fixture.current(subscription).items[0].price.id == small.id)
        let changed: StripeSubscription = try await fixture.make(
            .changeSubscription(
                subscription.id, item: item, price: large.id, proration: .alwaysInvoice,
                behavior: .errorIfIncomplete, prorationDate: date))
        #expect(changed.items[0].price.id == large.id)
        #expect(changed.invoice?.total == usd(1_000))
        #expect(changed.periodEnd == subscription.periodEnd)
        #expect(fixture.server.totals["usd"]?.charged == 2_000)
    }

    @Test func `a change that cannot be paid changes nothing`() async throws {
        let fixture = try await StripeFixture()
        let customer = try await fixture.customer()
        let large = try await fixture.price(3_000)
        let subscription = try await fixture.subscription(try await fixture.price(1_000), of: customer)
        fixture.server.setCards(of: customer.id, .declines(code: "card_declined", declineCode: nil))
        let change = StripeRequest.changeSubscription(
            subscription.id, item: subscription.items[0].id, price: large.id, proration: .alwaysInvoice,
            behavior: .errorIfIncomplete)
        #expect(try await fixture.refusal(of: change).status == 402)
        let after = try await fixture.current(subscription)
        #expect(after.status == .active)
        #expect(after.items[0].price.amount == usd(1_000))
        #expect(after.latestInvoice == subscription.latestInvoice)
    }

    @Test(arguments: [true, false])
    func `a pending change waits for its payment`(isPaid: Bool) async throws {
        let fixture = try await StripeFixture()
        let customer = try await fixture.customer()
        let large = try await fixture.price(3_000)
        let subscription = try await fixture.subscription(try await fixture.price(1_000), of: customer)
        fixture.server.setCards(of: customer.id, .needsAuthentication)
        let change: StripeSubscription = try await fixture.make(
            .changeSubscription(
                subscription.id, item: subscription.items[0].id, price: large.id, proration: .alwaysInvoice,
                behavior: .pendingIfIncomplete))
        #expect(change.hasPendingUpdate)
        #expect(change.items[0].price.amount == usd(1_000))
        if isPaid { try fixture.server.payLatestInvoice(of: subscription.id) }
        fixture.clock.advance(by: .hours(23))
        let after = try await fixture.current(subscription)
        #expect(!after.hasPendingUpdate)
        #expect(after.items[0].price.amount == (isPaid ? usd(3_000) : usd(1_000)))
        #expect(after.status == .active)
    }

    @Test func `another interval begins a period, and a credit is used up later`() async throws {
        let fixture = try await StripeFixture()
        let yearly = try await fixture.price(12_000, .year)
        let monthly = try await fixture.price(1_000)
        let subscription = try await fixture.subscription(yearly, of: try await fixture.customer())
        let changed: StripeSubscription = try await fixture.make(
            .changeSubscription(
                subscription.id, item: subscription.items[0].id, price: monthly.id, proration: .alwaysInvoice))
        #expect(changed.periodEnd == Instant("2026-02-28T12:00:00Z"))
        #expect(changed.invoice?.total == usd(-11_000))
        #expect(changed.invoice?.amountDue == usd(0))
        fixture.clock.set(try #require(changed.periodEnd))
        #expect(try await fixture.current(subscription).status == .active)
        // The renewal is paid by the credit.
        #expect(fixture.server.totals["usd"]?.charged == 12_000)
    }

    @Test func `coupons and taxes are in the invoice`() async throws {
        let fixture = try await StripeFixture()
        let customer = try await fixture.customer()
        let price = try await fixture.price(1_999)
        let coupon: StripeCoupon = try await fixture.make(
            .createCoupon(id: "welcome", .percent(hundredths: 2_500), duration: .once))
        let rate: StripeTaxRate = try await fixture.make(
            .createTaxRate(name: "VAT", tenThousandths: 190_000, isInclusive: false))
        let subscription: StripeSubscription = try await fixture.make(
            .createSubscription(
                customer: customer.id, price: price.id, paymentMethod: "pm_card_visa", behavior: .errorIfIncomplete,
                coupon: coupon.id, taxRates: [rate.id]))
        let invoice = try #require(subscription.invoice)
        #expect(invoice.subtotal == usd(1_999))
        #expect(invoice.discountAmount == usd(500))
        #expect(invoice.taxes.map(\.amount) == [usd(285)])
        #expect(invoice.total == usd(1_784))
        #expect(invoice.lines[0].taxes[0].rate == rate.id)
        fixture.clock.set(try #require(subscription.periodEnd))
        let second: StripeInvoice = try await fixture.client.fetch(
            .invoice(try await fixture.current(subscription).latestInvoice ?? ""))
        #expect(second.discountAmount == usd(0))
        #expect(second.total == usd(2_379))
    }

    @Test func `a Checkout session becomes a subscription`() async throws {
        let fixture = try await StripeFixture()
        let customer = try await fixture.customer()
        let price = try await fixture.price()
        let session: StripeCheckoutSession = try await fixture.make(
            .createSubscriptionCheckout(
                customer: customer.id, price: price.id, successURL: "https://a.example/{CHECKOUT_SESSION_ID}",
                cancelURL: "https://a.example/", reference: "org-1", metadata: ["organisation": "1"]))
        #expect(session.status == .open)
        #expect(session.url != nil)
        #expect(session.paymentStatus == .unpaid)
        #expect(throws: TestStripeServer.Refusal.self) {
            try fixture.server.completeCheckout(session.id, with: "pm_card_chargeCustomerFail")
        }
        try fixture.server.completeCheckout(session.id)
        let after: StripeCheckoutSession = try await fixture.client.fetch(.checkoutSession(session.id))
        #expect(after.status == .complete)
        #expect(after.paymentStatus == .paid)
        #expect(after.reference == "org-1")
        let subscription: StripeSubscription = try await fixture.client.fetch(.subscription(after.subscription ?? ""))
        #expect(subscription.status == .active)
        #expect(subscription.metadata == ["organisation": "1"])
        #expect(fixture.server.objects(StripeSubscription.self).count == 1)
    }

    @Test func `a Checkout session that is not paid expires`() async throws {
        let fixture = try await StripeFixture()
        let customer = try await fixture.customer()
        func session() async throws -> StripeCheckoutSession {
            try await fixture.make(
                .createPaymentCheckout(
                    customer: customer.id, amount: usd(900), name: "Seats", successURL: "https://a.example/",
                    cancelURL: nil))
        }
        let first = try await session()
        let second = try await session()
        let third = try await session()
        let expired: StripeCheckoutSession = try await fixture.make(.expireCheckoutSession(first.id))
        #expect(expired.status == .expired)
        try fixture.server.completeCheckout(second.id)
        fixture.clock.advance(by: .hours(24))
        let after: StripeCheckoutSession = try await fixture.client.fetch(.checkoutSession(third.id))
        #expect(after.status == .expired)
        #expect(fixture.server.object(second.id, as: StripeCheckoutSession.self)?.status == .complete)
        #expect(try await fixture.refusal(of: .expireCheckoutSession(second.id)).status == 400)
        #expect(fixture.server.totals["usd"]?.charged == 900)
    }

    @Test func `invoices that are made while collection is paused are void`() async throws {
        let fixture = try await StripeFixture()
        let subscription = try await fixture.subscription(try await fixture.price(), of: try await fixture.customer())
        let paused: StripeSubscription = try await fixture.make(.pauseCollection(subscription.id))
        #expect(paused.isCollectionPaused)
        #expect(paused.status == .active)
        fixture.clock.set(try #require(subscription.periodEnd))
        let invoice: StripeInvoice = try await fixture.client.fetch(
            .invoice(try await fixture.current(subscription).latestInvoice ?? ""))
        #expect(invoice.status == .void)
        let resumed: StripeSubscription = try await fixture.make(.resumeCollection(subscription.id))
        #expect(!resumed.isCollectionPaused)
        fixture.clock.set(try #require(resumed.periodEnd))
        #expect(try await fixture.current(subscription).status == .active)
        #expect(fixture.server.totals["usd"]?.charged == 4_000)
    }

    @Test func `prices are found by their lookup keys`() async throws {
        let fixture = try await StripeFixture()
        let product: StripeProduct = try await fixture.make(.createProduct(id: "gatehouse-pro", name: "Pro"))
        func create(_ takes: Bool?) -> StripeRequest {
            .createPrice(
                product: product.id, amount: usd(100), recurring: .init(.month), lookupKey: "gatehouse:pro",
                takesLookupKey: takes)
        }
        let first: StripePrice = try await fixture.make(create(nil))
        #expect(try await fixture.refusal(of: create(nil)).status == 400)
        let second: StripePrice = try await fixture.make(create(true))
        let found = try await fixture.client.page(
            .prices(lookupKeys: ["gatehouse:pro", "other"]), of: StripePrice.self)
        #expect(found.elements.map(\.id) == [second.id])
        let inactive: StripePrice = try await fixture.make(.updatePrice(first.id, isActive: false))
        #expect(!inactive.isActive)
        #expect(inactive.lookupKey == nil)
        #expect(
            try await fixture.refusal(of: .createProduct(id: product.id, name: "Pro")).code == "resource_already_exists"
        )
    }
}
