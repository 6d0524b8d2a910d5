package import Modules

/// Refunds payments: never more than was paid, each once.
package final class RefundService: Sendable {
    /// Called in the transaction that changes a refund's state.
    package typealias Listener = @Sendable (Refund, Payment, Transaction) throws -> Void

    package init() {}

    /// Adds the listener of the refunds of a purpose's payments, when the system is built.
    package func onChange(of purpose: PaymentPurpose, _ listener: @escaping Listener) {}

    /// Writes a refund, moves its money to `refund_pending`, and writes the call. ``settle(_:)`` follows after the
    /// commit.
    /// - Returns: the earlier refund with this key, where there is one.
    /// - Throws: `refund-too-high`; `payment-state` for a payment that has not succeeded; `ledger-overdrawn` where the
    ///   destination has less, such as held money that was released; `not-configured`.
    package func refund(_ refund: NewRefund, in transaction: Transaction) throws -> Refund {
        throw Problem(.notConfigured)
    }

    /// Sends what ``refund(_:in:)`` has written, and waits a bounded time for the outcome.
    /// - Returns: the refund as it is then, also where its outcome is not known yet.
    package func settle(_ id: ID<Refund>) async throws(Problem) -> Refund { throw Problem(.notConfigured) }

    /// The refunds of a payment, oldest first.
    package func refunds(of payment: ID<Payment>, in transaction: Transaction) throws -> [Refund] { [] }
}
