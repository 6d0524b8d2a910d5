import Base
import Stripe
import TestKit
import TestStripe
import Testing

@Suite struct WebhookDeliveryTests {
    @Test func `events tell what happened, signed at the time of their delivery`() async throws {
        let fixture = try await StripeFixture()
        let intent = try await fixture.payment()
        fixture.clock.advance(by: .hours(5))
        let webhooks = fixture.server.webhooks()
        #expect(
            webhooks.map(\.event.type)
                == ["payment_intent.created", "charge.succeeded", "payment_intent.succeeded"])
        for webhook in webhooks {
            try StripeSignature.verify(
                webhook.signature, of: webhook.body, secrets: [fixture.server.webhookSecret], at: fixture.clock.now)
            #expect(try StripeEvent(JSONValue(parsing: webhook.body)).id == webhook.event.id)
            #expect(webhook.event.idempotencyKey != nil)
            #expect(webhook.event.apiVersion == StripeClient.apiVersion)
        }
        #expect(webhooks.last?.event.objectID == intent.id)
        #expect(fixture.server.webhooks().isEmpty)
        #expect(fixture.server.webhook(ofEvent: webhooks[0].event.id)?.body.count == webhooks[0].body.count)
    }

    @Test func `deliveries are repeated, shuffled, dropped and delayed`() async throws {
        let fixture = try await StripeFixture()
        for _ in 0..<100 { _ = try await fixture.customer() }
        var plan = TestStripeDelivery()
        plan.copiesMax = 3
        plan.isShuffled = true
        plan.dropped = 100
        plan.delayed = 200
        let first = fixture.server.webhooks(plan)
        let second = fixture.server.webhooks()
        let ids = first.map(\.event.id)
        #expect(Set(ids).count < ids.count)
        #expect(ids != ids.sorted())
        #expect(!second.isEmpty)
        let all = Set(ids + second.map(\.event.id))
        #expect((80..<100).contains(all.count))
        let events = try await fixture.client.list(of: StripeEvent.self) { .events(page: $0) }
        #expect(Set(events.elements.map(\.id)).isSuperset(of: all))
        #expect(events.elements.count == 100)
    }

    @Test func `a delivery is repeated until it is accepted`() async throws {
        let fixture = try await StripeFixture()
        _ = try await fixture.customer()
        var attempts = 0
        let refused = try await fixture.server.deliver { _ in
            attempts += 1
            return attempts == 3
        }
        #expect(refused.isEmpty)
        #expect(attempts == 3)
    }

    @Test func `events are listed from a cursor on, by type`() async throws {
        let fixture = try await StripeFixture()
        _ = try await fixture.customer()
        let cursor = try await fixture.client.page(.events(page: StripePage(limit: 1)), of: StripeEvent.self)
        _ = try await fixture.payment()
        let newer = try await fixture.client.page(
            .events(page: StripePage(endingBefore: cursor.firstID)), of: StripeEvent.self)
        #expect(
            newer.elements.map(\.type)
                == ["payment_intent.succeeded", "charge.succeeded", "payment_intent.created"])
        let some = try await fixture.client.page(
            .events(types: ["charge.*", "customer.created"]), of: StripeEvent.self)
        #expect(some.elements.map(\.type) == ["charge.succeeded", "customer.created"])
        let one: StripeEvent = try await fixture.client.fetch(.event(some.elements[0].id))
        #expect(one.objectType == "charge")
        let future = StripeTimeRange(from: fixture.clock.now + .seconds(1))
        #expect(try await fixture.client.page(.events(created: future), of: StripeEvent.self).elements.isEmpty)
    }

    @Test func `events of a connected account name it`() async throws {
        let fixture = try await StripeFixture()
        let account = fixture.server.makeAccount()
        let event = try #require(fixture.server.webhooks().last?.event)
        #expect(event.type == "account.updated")
        #expect(event.account == account)
    }
}
