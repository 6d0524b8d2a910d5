import App
import Base
import Modules
import Stripe
import TestKit
import TestStripe
import Testing

@testable import Billing

/// Plans whose prices are made at the provider: the installation names them, and the provider tells the amounts.
@Suite struct ProviderPriceTests {
    private func usd(_ minor: Int64) throws -> Money { Money(minor, try #require(Currency("usd"))) }

    @Test(arguments: Engine.available)
    func `a plan is sold at the prices that the installation names, and changed between them`(engine: Engine)
        async throws
    {
        let (monthly, yearly, premium) = (try usd(4_900), try usd(49_000), try usd(9_900))
        try await withSubscriptions(
            engine,
            change: { configuration, stripe in
                configuration.stripePrices = [
                    "pro": [stripe.makePrice(monthly), stripe.makePrice(yearly, every: "year")],
                    "premium": [stripe.makePrice(premium)],
                ]
            }
        ) { fixture in
            let id = try await fixture.buy("pro")
            let paid = await fixture.subscription()
            #expect(paid["plan"]?["id"] == "pro" && paid["status"] == "active", "\(paid)")
            let made = try #require((fixture.stripe.objects() as [StripePrice]).first { $0.amount == monthly })
            #expect(fixture.atProvider.first?.items.first?.price.id == made.id)
            let invoice = await fixture.invoices().first
            #expect(invoice?["amount_minor"] == 4_900, "\(invoice as Any)")
            let preview = await fixture.get("payments/proration-preview?plan=premium")
            #expect(preview["next_invoice_amount_minor"] == 9_900, "\(preview)")
            let customer = try #require(fixture.stripe.object(id, as: StripeSubscription.self)).customer
            fixture.stripe.setCards(of: customer, .succeeds)
            let upgraded = await fixture.post("payments/upgrade", ["plan": "premium"])
            #expect(upgraded["plan"]?["id"] == "premium", "\(upgraded)")
            // No price was made, and lists have the amounts.
            #expect((fixture.stripe.objects() as [StripePrice]).count == 3)
            let pricing = await fixture.get("payments/pricing")
            let tier = pricing["tiers"]?.array?.first { $0["tier"] == "pro" }
            #expect(tier?["monthly"]?["amount"] == 49 && tier?["annual"]?["amount"] == 490, "\(tier as Any)")
            let other = try await fixture.test.register("other")
            let annual = await fixture.post(
                "subscriptions/start", ["plan_type": "pro", "billing_cycle": "annual"], as: other)
            #expect(annual["success"] == true, "\(annual)")
            let unpriced = await fixture.post("payments/subscribe", ["plan": "pro", "currency": "eur"], as: other)
            #expect(unpriced.status == 422, "\(unpriced)")
        }
    }

    @Test(arguments: Engine.available)
    func `without a price, or with one that cannot be used, the plan is not configured`(engine: Engine) async throws {
        let weekly = try usd(100)
        try await withSubscriptions(
            engine,
            change: { configuration, stripe in
                configuration.stripePrices = [
                    "pro": ["price_unknown"], "premium": [stripe.makePrice(weekly, every: "week")],
                ]
            }
        ) { fixture in
            for plan in ["basic", "pro", "premium"] {
                for (path, body) in [
                    ("subscriptions/start", ["plan_type": .string(plan)]),
                    ("payments/subscribe", ["plan": .string(plan)]),
                    ("stripe/create-checkout-session", ["plan_id": .string(plan)]),
                ] as [(String, JSONValue)] {
                    let refused = await fixture.post(path, body)
                    #expect(refused.status == 503 && refused.code == "not-configured", "\(path) \(plan): \(refused)")
                }
            }
            #expect(await fixture.post("subscriptions/start", ["plan_type": "gold"]).code == "unsupported-plan")
            #expect(fixture.atProvider.isEmpty)
        }
    }
}
