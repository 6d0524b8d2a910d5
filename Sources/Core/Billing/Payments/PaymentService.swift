package import Identity
package import Modules

/// Begins payments, follows them at the provider, and posts the money that arrives to the ledger, once.
package final class PaymentService: Sendable {
    /// Called in the transaction that changes a payment's state, for every change and once for each.
    package typealias Listener = @Sendable (_ payment: Payment, Transaction) throws -> Void

    /// What a client wants to pay: the members of the body of `POST /v1/payments/create-intent`.
    package typealias Resolver = @Sendable (_ request: PaymentRequest, Scope, Transaction) throws -> NewPayment?

    package init() {}

    /// Declares a purpose, when the system is built.
    /// - Parameters:
    ///   - destination: where its money is posted when it arrives.
    ///   - listener: applies a change to the work that is paid.
    package func register(
        _ purpose: PaymentPurpose, to destination: PaymentDestination, onChange listener: @escaping Listener
    ) {}

    /// Adds a reader of requests to `POST /v1/payments/create-intent`. It computes the amount from what is stored and
    /// checks that the caller may pay.
    /// - Parameter resolver: nil for a request that is not for it.
    package func resolve(by resolver: @escaping Resolver) {}

    /// Writes an attempt and the call that begins it at the provider. ``start(_:)`` follows after the commit.
    /// - Returns: the subject's live attempt where it has one with this amount.
    /// - Throws: `payment-in-progress` where its live attempt has another amount; `not-configured`.
    package func begin(_ payment: NewPayment, in transaction: Transaction) throws -> Payment {
        throw Problem(.notConfigured)
    }

    /// Sends what ``begin(_:in:)`` has written, and reads what a client needs to go on.
    /// - Returns: the payment and its client secret, which is not stored.
    /// - Throws: `payment-refused`; `provider-unavailable` where its state is unknown: a repeat continues it.
    package func start(_ id: ID<Payment>) async throws(Problem) -> (payment: Payment, clientSecret: String) {
        throw Problem(.notConfigured)
    }

    /// Asks the provider for the payment's state and applies it: the client's word is not taken for it.
    /// - Throws: `provider-unavailable`; `not-found`.
    package func refresh(_ id: ID<Payment>) async throws(Problem) -> Payment { throw Problem(.notConfigured) }

    /// Writes the call that cancels an attempt at the provider. A payment that has succeeded meanwhile stays so.
    /// - Throws: `payment-state` for one that is final.
    package func cancel(_ id: ID<Payment>, in transaction: Transaction) throws {}

    /// Records money that arrived by another way than ``begin(_:in:)``; posts it and calls the purpose's listener.
    /// - Returns: nil where it was recorded before; nothing has changed then.
    @discardableResult
    package func record(_ received: ReceivedPayment, in transaction: Transaction) throws -> Payment? { nil }

    /// - Returns: nil for an unknown one, and for one of another organisation.
    package func payment(_ id: ID<Payment>, of organisation: ID<Organisation>, in transaction: Transaction) throws
        -> Payment?
    { nil }

    /// For callers that check who may see it.
    package func payment(ofProviderID id: String, in transaction: Transaction) throws -> Payment? { nil }

    /// The payments of a subject, newest first, at most 100.
    package func payments(of purpose: PaymentPurpose, subject: String, in transaction: Transaction) throws -> [Payment]
    { [] }
}
