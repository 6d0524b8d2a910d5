import App
import ArgumentParser
import TestStripe

/// The double of the payment provider that a process uses, which runs in another one.
struct BenchProvider: ParsableArguments, Sendable {
    @Option(name: .customLong("provider"), help: "The URL of the payment provider.")
    var url: String
    @Option(name: .customLong("provider-key"))
    var key: String
    @Option var webhookSecret: String

    init() {}

    init(_ server: TestStripeServer) {
        (url, key, webhookSecret) = (server.url, server.secretKey, server.webhookSecret)
    }

    /// - Returns: nil where a part is missing.
    init?(url: String?, key: String?, webhookSecret: String?) {
        guard let url, let key, let webhookSecret else { return nil }
        (self.url, self.key, self.webhookSecret) = (url, key, webhookSecret)
    }

    var arguments: [String] { ["--provider", url, "--provider-key", key, "--webhook-secret", webhookSecret] }

    func configure(_ configuration: inout Configuration) {
        configuration.stripeSecretKey = key
        configuration.stripePublishableKey = "pk_test_double"
        configuration.stripeWebhookSecrets = [webhookSecret]
        configuration.stripeAPIBase = url
    }
}
