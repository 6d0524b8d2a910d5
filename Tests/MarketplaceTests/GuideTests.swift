import App
import Base
import Stripe
import TestKit
import TestStripe
import Testing

/// The user's guide of Marketplace, run as it is written.
@Suite struct GuideTests {
    @Test(.timeLimit(.minutes(3)), arguments: Engine.available)
    func `every request of the guide gets the response that the guide shows`(engine: Engine) async throws {
        // The day of the guide's event: its organizer reviews the caterer on it.
        let clock = TestClock(try #require(Instant("2026-06-20T08:00:00Z")))
        let stripe = try await TestStripeServer.start(now: { clock.now })
        let count = try await GuideRunner.run(
            "marketplace.md", engine, administrator: "admin_token", clock: clock,
            change: {
                $0.stripeSecretKey = stripe.secretKey
                $0.stripeWebhookSecrets = [stripe.webhookSecret]
                $0.stripeAPIBase = stripe.url
            },
            meanwhile: { try actAtProvider(stripe) })
        #expect(count == 36)
        await stripe.stop()
    }

    /// What people do on the provider's pages: they pay what is due, and enter what their accounts need.
    @Sendable private func actAtProvider(_ stripe: TestStripeServer) throws {
        for intent in stripe.objects() as [StripePaymentIntent]
        where intent.status.known == .requiresPaymentMethod { try stripe.pay(intent.id) }
        for account in stripe.objects() as [StripeAccount] where !account.areTransfersActive {
            stripe.onboard(account.id)
        }
    }
}
