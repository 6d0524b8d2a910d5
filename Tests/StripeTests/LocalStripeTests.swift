import Base
import Stripe
import Testing

/// The requests that localstripe accepts. It has no prices, Checkout, transfers or accounts, refuses
/// `automatic_payment_methods`, and its invoices, subscriptions and intents have shapes of an older API.
@Suite(.enabled(if: LocalStripe.isAvailable, "localstripe is not installed: set GATEHOUSE_PYTHON."))
struct LocalStripeTests {
    @Test func `customers, payment methods and refunds are what a server of another author understands`()
        async throws
    {
        let server = try LocalStripe()
        let client = StripeFixture.client(server.url, key: "sk_test_12345")
        var keys = 0
        func make<Object: StripeObject>(_ request: StripeRequest, as _: Object.Type = Object.self) async throws
            -> Object
        {
            keys += 1
            guard case .done(let value) = await client.send(request, key: "k\(keys)") else {
                Issue.record("not done: \(request.path)")
                throw CancellationError()
            }
            return try Object(value)
        }
        let metadata = ["name": "Müller & Söhne = 100 %+", "emoji": "😀"]
        let customer: StripeCustomer = try await make(
            .createCustomer(email: "ada+test@example.com", name: "Ada & Eve", metadata: metadata))
        let read: StripeCustomer = try await client.fetch(.customer(customer.id))
        #expect(read.email == "ada+test@example.com")
        #expect(read.name == "Ada & Eve")
        #expect(read.metadata == metadata)

        var card = StripeRequest(.post, "/v1/payment_methods")
        for (name, value) in [
            ("type", "card"), ("card[number]", "4242424242424242"), ("card[exp_month]", "12"),
            ("card[exp_year]", "2030"), ("card[cvc]", "123"),
        ] { card.form.set(name, value) }
        let method: StripePaymentMethod = try await make(card)
        #expect(method.card?.lastFour == "4242")
        let attached: StripePaymentMethod = try await make(.attachPaymentMethod(method.id, to: customer.id))
        #expect(attached.customer == customer.id)
        let updated: StripeCustomer = try await make(.updateCustomer(customer.id, defaultPaymentMethod: method.id))
        #expect(updated.defaultPaymentMethod == method.id)
        let methods = try await client.page(
            .paymentMethods(customer: customer.id, type: "card"), of: StripePaymentMethod.self)
        #expect(methods.elements.map(\.id) == [method.id])

        var intent = StripeRequest(.post, "/v1/payment_intents")
        for (name, value) in [
            ("amount", "1000"), ("currency", "usd"), ("customer", customer.id), ("payment_method", method.id),
            ("confirm", "true"),
        ] { intent.form.set(name, value) }
        guard case .done(let paid) = await client.send(intent, key: "intent"), let id = paid["id"]?.string else {
            Issue.record("not paid")
            return
        }
        let refund: StripeRefund = try await make(.createRefund(paymentIntent: id, amount: usd(300)))
        #expect(refund.amount == usd(300))
        #expect(refund.status == .succeeded)

        do {
            _ = try await client.fetch(.customer("cus_none"), as: StripeCustomer.self)
            Issue.record("it was found")
        } catch { #expect(error.isMissing) }
    }
}
