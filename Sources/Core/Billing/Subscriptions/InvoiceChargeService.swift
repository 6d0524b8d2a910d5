import Modules
import Stripe

/// Finds what brought the money of an invoice that the provider collected: its payment intent and its charge, by which
/// it is refunded, disputed and compared with the provider's balance.
final class InvoiceChargeService: Sendable {
    private let database: any Database
    private let calls: ProviderCallService
    private let superseded: SupersededSubscriptionService

    init(database: any Database, calls: ProviderCallService, superseded: SupersededSubscriptionService) {
        self.database = database
        self.calls = calls
        self.superseded = superseded
    }

    /// A repeat changes nothing. An invoice that was paid without an intent, such as by a balance, has none.
    /// - Throws: `provider-unavailable`.
    func find(of invoice: String) async throws(Problem) {
        guard let client = calls.client else { return }
        let found: StripePaymentIntent
        do throws(StripeFetchFailure) {
            let payments = try await client.page(.invoicePayments(invoice: invoice), of: StripeInvoicePayment.self)
            guard let intent = payments.elements.first(where: { $0.status == .paid })?.paymentIntent else { return }
            found = try await client.fetch(.paymentIntent(intent), id: intent, as: StripePaymentIntent.self)
        } catch { throw Problem(.providerUnavailable, cause: error) }
        try await database.write { [superseded] transaction in
            try superseded.setCharge(found.latestCharge, ofIntent: found.id, invoice: invoice, in: transaction)
        }
    }
}
