import Base
import Stripe

extension TestStripeServer {
    /// The deliveries of all events that were not delivered before, signed at the time of the server.
    /// - Parameter secrets: nil for the server's own.
    package func webhooks(_ plan: TestStripeDelivery = TestStripeDelivery(), secrets: [String]? = nil)
        -> [TestStripeWebhook]
    {
        var generator = DeliveryRandom(seed: plan.seed)
        let (events, time) = control { state in
            var now: [JSONValue] = []
            var later: [JSONValue] = []
            for event in state.undelivered where !generator.isChosen(plan.dropped) {
                for _ in 0..<Int.random(in: 1...max(1, plan.copiesMax), using: &generator) {
                    if generator.isChosen(plan.delayed) { later.append(event) } else { now.append(event) }
                }
            }
            state.undelivered = later
            return (now, state.time)
        }
        let ordered = plan.isShuffled ? events.shuffled(using: &generator) : events
        return ordered.map { webhook($0, secrets: secrets ?? [webhookSecret], at: time) }
    }

    /// A delivery of an event that was delivered before.
    package func webhook(ofEvent id: String) -> TestStripeWebhook? {
        let (event, time) = control { state in (state.tables["event"]?[id], state.time) }
        return event.map { webhook(.object($0), secrets: [webhookSecret], at: time) }
    }

    /// Delivers the events of ``webhooks(_:secrets:)`` until each is accepted.
    /// - Parameters:
    ///   - attemptsMax: of one delivery.
    ///   - send: sends a webhook, and returns whether its receiver answered 2xx.
    /// - Returns: the deliveries that were not accepted.
    @discardableResult
    package func deliver(
        _ plan: TestStripeDelivery = TestStripeDelivery(), attemptsMax: Int = 3,
        to send: (TestStripeWebhook) async throws -> Bool
    ) async throws -> [TestStripeWebhook] {
        var refused: [TestStripeWebhook] = []
        for webhook in webhooks(plan) {
            var attempts = 0
            var isAccepted = false
            while !isAccepted && attempts < attemptsMax {
                isAccepted = try await send(webhook)
                attempts += 1
            }
            if !isAccepted { refused.append(webhook) }
        }
        return refused
    }

    private func webhook(_ event: JSONValue, secrets: [String], at time: Instant) -> TestStripeWebhook {
        var body: [UInt8] = []
        body.append(json: event)
        guard let read = try? StripeEvent(event) else {
            preconditionFailure("the server made an event that cannot be read")
        }
        return TestStripeWebhook(
            event: read, body: body, signature: StripeSignature.header(of: body, secrets: secrets, at: time))
    }
}

/// SplitMix64: the same deliveries for the same seed.
private struct DeliveryRandom: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }

    mutating func isChosen(_ thousandths: UInt64) -> Bool { next() % 1_000 < thousandths }
}
