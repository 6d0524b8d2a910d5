import App
import Modules
import Stripe
import TestStripe

/// Organisations that pay for a plan by the month, whose cards stop to work for a while.
struct ProofSubscribers {
    private static let plan = "employee"

    /// Registers accounts, starts their plans and pays the first invoices.
    init(_ count: Int, in app: App, _ stripe: TestStripeServer) async throws {
        for number in 0..<count {
            let account = try await app.post(
                "/v1/auth/register",
                ["email": .string(Accounts.email(1_000 + number)), "password": .string(Accounts.password)])
            // E-mails about plans go to verified addresses.
            try await app.database.write {
                try $0.execute("UPDATE people SET email_verified_at = \(Instant(microseconds: 0))")
            }
            let path = "/v1/payments/subscribe"
            let started = try await app.post(
                path, ["plan": .string(Self.plan), "cycle": "monthly"], token: account["access_token"]?.string)
            guard let subscription = started["billing"]?["stripe_subscription_id"]?.string else {
                throw UnexpectedStatus(path: path, status: 201)
            }
            try stripe.payLatestInvoice(of: subscription)
        }
    }

    /// Changes a third of the cards: half of them are declined then.
    func changeCards(at stripe: TestStripeServer, _ random: inout some RandomNumberGenerator) {
        for subscription in stripe.objects() as [StripeSubscription] {
            switch Int.random(in: 0..<6, using: &random) {
            case 0: stripe.setCards(of: subscription.customer, .declines(code: "card_declined", declineCode: nil))
            case 1: stripe.setCards(of: subscription.customer, .succeeds)
            default: break
            }
        }
    }

    /// Where subscriptions and their paid invoices are not as the provider has them.
    static func faults(_ app: App, _ stripe: TestStripeServer) async throws -> [String] {
        var faults: [String] = []
        for subscription in stripe.objects() as [StripeSubscription] {
            let status: String? = try await app.database.read { transaction in
                try transaction.first(
                    "SELECT provider_status FROM provider_subscriptions WHERE provider_id = \(subscription.id)"
                ) { try $0["provider_status"] }
            }
            if status != subscription.status.text {
                faults.append("\(subscription.id) is \(subscription.status.text), and \(status ?? "unknown") here")
            }
        }
        for invoice in stripe.objects() as [StripeInvoice] where invoice.amountPaid.minorUnits > 0 {
            let payment = try await app.database.read {
                try app.billing.payments.payment(ofProviderID: invoice.id, in: $0)
            }
            if payment?.receivedMinor != invoice.amountPaid.minorUnits {
                faults.append("\(invoice.id) is paid, and \(payment?.receivedMinor ?? 0) of it are received here")
            }
        }
        return faults
    }
}
