import App
import Base
import Secrets
import TestKit
import Testing

/// The user's guide of webhooks, run as it is written, with a receiver that verifies what arrives.
@Suite struct GuideTests {
    @Test(.timeLimit(.minutes(3)), arguments: Engine.available)
    func `every request of the guide gets the response that the guide shows`(engine: Engine) async throws {
        try await WebhookReceiver.with { receiver in
            let count = try await GuideRunner.run(
                "webhooks.md", engine, administrator: "admin_token",
                change: { $0.outboundPrivateNetworks = ["true"] },
                replacing: ["https://example.org/hooks": receiver.url],
                afterwards: { app, variables in
                    let secrets = ["secret", "new_secret"].compactMap {
                        variables[$0].flatMap { StandardWebhookSecret($0) }
                    }
                    try #require(secrets.count == 2)
                    let messages = receiver.messages
                    #expect(messages.count >= 3 && messages.allSatisfy { $0.type == "webhook.test" })
                    // The first message was signed with the first secret, the last one with both.
                    for (message, secret) in [
                        (messages.first, secrets[0]), (messages.last, secrets[0]), (messages.last, secrets[1]),
                    ] {
                        let message = try #require(message)
                        try StandardWebhookSignature.verify(
                            message.body, header: { message.headers[$0].map { [$0] } ?? [] }, at: app.clock.now,
                            with: [secret])
                    }
                })
            #expect(count == 16)
        }
    }
}
