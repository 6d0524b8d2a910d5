import Base
import Modules
import Stripe
import TestKit
import TestStripe
import Testing

@testable import App
@testable import Billing

/// What the provider's webhooks are answered.
@Suite struct ProviderWebhookTests {
    private static let event: JSONValue = [
        "id": "evt_1", "object": "event", "type": "payment_intent.succeeded", "created": 1_769_860_800,
        "livemode": false, "data": ["object": ["id": "pi_1", "object": "payment_intent"]],
    ]

    private func bytes(_ value: JSONValue) -> [UInt8] {
        Array(((try? value.json()) ?? "").utf8)
    }

    private func post(
        _ test: TestApp, _ body: [UInt8], signature: String? = nil, to path: String = PaymentFixture.path,
        address: String = "192.0.2.1", headers: [String: String] = [:]
    ) async -> TestResponse {
        var headers = headers
        headers["Stripe-Signature"] = signature
        return await test.call("POST", path, body: ("application/json", body), headers: headers, address: address)
    }

    @Test(arguments: Engine.available)
    func `a signed event is stored once under every path of the systems, and answered`(engine: Engine) async throws {
        try await withPayments(engine) { payments in
            let body = bytes(Self.event)
            let signature = StripeSignature.header(of: body, secrets: ["whsec_double"], at: payments.test.clock.now)
            for path in [
                "/api/webhooks/stripe", "/v1/webhooks/stripe", "/payments/webhooks/stripe",
                "/api/v1/payments/webhooks/stripe", "/api/stripe/webhook",
            ] {
                let response = await post(payments.test, body, signature: signature, to: path)
                #expect(response.status == 200 && response.json == ["received": true])
            }
            #expect(try await payments.events(.received) == 1)
            try await payments.test.runJobs()
            #expect(try await payments.events(.ignored) == 1)
        }
    }

    @Test(arguments: Engine.available)
    func `a missing or wrong signature is 403, and no event 400, in the words of the page`(engine: Engine) async throws
    {
        try await withPayments(engine, change: { $0.stripeWebhookSecrets = ["whsec_new", "whsec_old"] }) { payments in
            let test = payments.test
            let body = bytes(Self.event)
            let missing = await post(test, body)
            #expect(missing.status == 403 && missing["error"] == "Missing Stripe-Signature header")
            let now = test.clock.now
            for (secret, time, status) in [
                ("whsec_new", now, 200), ("whsec_old", now, 200), ("whsec_new", now - .seconds(299), 200),
                ("whsec_new", now + .seconds(299), 200), ("whsec_new", now - .seconds(301), 403),
                ("whsec_new", now + .seconds(301), 403), ("whsec_other", now, 403),
            ] {
                let response = await post(
                    test, body, signature: StripeSignature.header(of: body, secrets: [secret], at: time))
                #expect(response.status == status)
                if status == 403 { #expect(response["error"] == "Invalid Stripe webhook signature") }
            }
            let good = StripeSignature.header(of: body, secrets: ["whsec_new"], at: now)
            for header in [
                "", " ", "t=1", "v1=00", "t=1,t=1,v1=00", "t= 1,v1=00", good.uppercased(), "t=\(now.seconds),v1=ü",
                String(repeating: "v1=00,", count: 5_000), good.replacing("v1=", with: "v0="),
            ] {
                let response = await post(test, body, signature: header)
                #expect(response.status == 403 || response.status == 400, "\(header.prefix(80))")
            }
            for text in [
                "", "{", "[]", "{}", #"{"id":"evt_1","type":"x"}"#, #"{"id":"../x","type":"x","data":{"object":{}}}"#,
            ] {
                let broken = Array(text.utf8)
                let response = await post(
                    test, broken, signature: StripeSignature.header(of: broken, secrets: ["whsec_new"], at: now))
                #expect(response.status == 400 && response["error"] == "Invalid payload", "\(text)")
            }
            // An object whose id its owner has chosen is no fault of the event.
            let named = bytes([
                "id": "evt_9", "type": "coupon.created", "data": ["object": ["id": "SUMMER-26 %", "object": "coupon"]],
            ])
            let taken = await post(
                test, named, signature: StripeSignature.header(of: named, secrets: ["whsec_new"], at: now))
            #expect(taken.json == ["received": true], "\(taken)")
            let large = [UInt8](repeating: UInt8(ascii: " "), count: ProviderWebhook.bytesMax + 1)
            #expect(await post(test, large, signature: good).status == 413)
        }
    }

    @Test(arguments: Engine.available)
    func `an unsigned event is accepted outside of production and from this machine alone`(engine: Engine) async throws
    {
        try await withTestApp(engine) { test in
            let body = bytes(Self.event)
            #expect(await post(test, body, address: "127.0.0.1").json == ["received": true])
            #expect(await post(test, body, address: "::1").status == 200)
            for (address, headers) in [
                ("192.0.2.1", [:]), ("127.0.0.1", ["X-Forwarded-For": "192.0.2.1"]),
            ] as [(String, [String: String])] {
                #expect(await post(test, body, address: address, headers: headers).status == 403)
            }
            #expect(await post(test, Array("{".utf8), address: "127.0.0.1").status == 400)
        }
        try await withTestApp(
            engine,
            change: { $0.environment = .production }
        ) { test in
            let response = await post(test, bytes(Self.event), address: "127.0.0.1")
            #expect(response.status == 403)
            #expect(response["error"] == "Stripe webhook secret is not configured in production")
        }
    }

    /// The rules of production and of the modes of keys.
    @Test(
        arguments: [
            (["STRIPE_SECRET_KEY": "sk_test_1234"], []),
            (["STRIPE_SECRET_KEY": "sk_live_1234"], ["STRIPE_SECRET_KEY"]),
            (["STRIPE_SECRET_KEY": "whatever"], ["STRIPE_SECRET_KEY"]),
            (["STRIPE_SECRET_KEY": "whatever", "STRIPE_API_BASE": "http://localhost:1"], []),
            (["STRIPE_SECRET_KEY": "sk_test_1234", "STRIPE_PUBLISHABLE_KEY": "pk_live_1"], ["STRIPE_PUBLISHABLE_KEY"]),
            (["STRIPE_SECRET_KEY": "sk_test_1234", "STRIPE_PUBLISHABLE_KEY": "pk_test_1"], []),
            (["STRIPE_SECRET_KEY": "sk_test_1234", "STRIPE_PUBLISHABLE_KEY": "sk_test_1"], ["STRIPE_PUBLISHABLE_KEY"]),
        ] as [([String: String], [String])])
    func `keys of the wrong mode are named outside of production`(settings: [String: String], faulty: [String]) {
        #expect(names(of: settings) == faulty)
    }

    @Test(
        arguments: [
            (["STRIPE_SECRET_KEY": "sk_live_1234", "STRIPE_WEBHOOK_SECRET": "whsec_aB3dE5fG7hI9kL1m"], []),
            (["STRIPE_SECRET_KEY": "sk_live_1234"], ["STRIPE_WEBHOOK_SECRET"]),
            (
                ["STRIPE_SECRET_KEY": "sk_test_1234", "STRIPE_WEBHOOK_SECRET": "whsec_aB3dE5fG7hI9kL1m"],
                ["STRIPE_SECRET_KEY"]
            ),
            (["STRIPE_WEBHOOK_SECRET": "whsec_aB3dE5fG7hI9kL1m"], ["STRIPE_SECRET_KEY"]),
            (["STRIPE_SECRET_KEY": "sk_live_1234", "STRIPE_WEBHOOK_SECRET": "whsec_x"], ["STRIPE_WEBHOOK_SECRET"]),
            (
                [
                    "STRIPE_SECRET_KEY": "sk_live_1234", "STRIPE_WEBHOOK_SECRET": "whsec_aB3dE5fG7hI9kL1m",
                    "STRIPE_API_BASE": "http://stripe.example.org",
                ], ["STRIPE_API_BASE"]
            ),
        ] as [([String: String], [String])])
    func `half-configured money is named in production`(settings: [String: String], faulty: [String]) {
        let production = [
            "ENVIRONMENT": "production", "SECRET_KEY": "Zk3vQ9xW1mN7bT5cR8yL2pJ6hF4dS0gA",
            "BASE_URL": "https://example.org",
        ]
        #expect(names(of: settings.merging(production) { $1 }) == faulty)
    }

    /// The settings that a start with these would refuse.
    private func names(of settings: [String: String]) -> [String] {
        do {
            _ = try Configuration(environment: settings)
            return []
        } catch let faults as ConfigurationFaults {
            return faults.faults.map { String($0.prefix { $0 != ":" }) }
        } catch {
            return ["\(error)"]
        }
    }
}
