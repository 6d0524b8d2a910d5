import Identity
import Modules

/// Begins the payments of clients: what is paid and how much is read from what is stored.
final class PaymentIntentService: Sendable {
    private let database: any Database
    private let payments: PaymentService
    private let publishableKey: String?

    init(database: any Database, payments: PaymentService, publishableKey: String?) {
        self.database = database
        self.payments = payments
        self.publishableKey = publishableKey
    }

    /// A repeat answers with the same payment for as long as it can be paid.
    /// - Throws: as ``PaymentService/begin(_:in:)`` and ``PaymentService/start(_:)``; `amount-mismatch`.
    func create(_ request: PaymentRequest, scope: Scope) async throws(Problem) -> StartedPayment {
        let payment = try await database.write { [payments] transaction in
            try transaction.requireCaller(scope)
            return try payments.begin(
                try payments.payment(of: request, scope: scope, in: transaction), in: transaction)
        }
        let (started, clientSecret) = try await payments.start(payment.id)
        return StartedPayment(started, clientSecret: clientSecret, publishableKey: publishableKey)
    }
}
