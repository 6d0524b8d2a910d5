import Identity
import Modules

/// Begins the payments of clients: what is paid and how much is read from what is stored.
final class PaymentIntentService: Sendable {
    /// How often one request ends an attempt whose amount has changed.
    private static let endsMax = 3

    private let database: any Database
    private let payments: PaymentService
    private let publishableKey: String?

    init(database: any Database, payments: PaymentService, publishableKey: String?) {
        self.database = database
        self.payments = payments
        self.publishableKey = publishableKey
    }

    /// A repeat answers with the same payment for as long as it can be paid and its amount is that of the work. A
    /// payment with another amount is ended first: the work has one that can be paid.
    /// - Throws: as ``PaymentService/begin(_:in:)``, ``PaymentService/start(_:)`` and ``PaymentService/end(_:)``;
    ///   `amount-mismatch`.
    func create(_ request: PaymentRequest, scope: Scope) async throws(Problem) -> StartedPayment {
        for _ in 0...Self.endsMax {
            let begun = try await database.write { [payments] transaction in
                try transaction.requireCaller(scope)
                return try payments.begin(
                    try payments.payment(of: request, scope: scope, in: transaction), in: transaction)
            }
            switch begun {
            case .begun(let payment):
                let (started, clientSecret) = try await payments.start(payment.id)
                return StartedPayment(started, clientSecret: clientSecret, publishableKey: publishableKey)
            case .other(let payment): try await payments.end(payment.id)
            }
        }
        // Others book and pay at the same time.
        throw Problem(.paymentInProgress)
    }
}
