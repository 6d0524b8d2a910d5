package import Identity
package import Modules

/// Begins, sends and settles payouts. Every change is one transaction with its ledger posting, its audit event and the
/// job or the provider's call that it causes.
package final class PayoutService: Sendable {
    package enum Begun: Sendable {
        /// The money is reserved. The caller sends it after the commit; else a job does.
        case started(Payout)
        /// The subject has a live payout, which is unchanged.
        case existing(Payout)
    }

    /// Called in the transaction of every change of a payout, with the payout after it.
    package typealias ChangeHandler = @Sendable (Payout, Transaction) throws -> Void

    /// Called once for each purpose, when the system is built.
    package func onChange(of purpose: PayoutPurpose, _ handler: @escaping ChangeHandler) {}

    /// Reserves the money of a payout and writes the job that sends it. A payout of the subject that was refused is
    /// tried again with its next attempt.
    /// - Throws: `ledger-overdrawn` where the source has less; `payout-account-missing` where the payee has not connected
    ///   an account that can be paid; `not-configured` without a provider.
    package func begin(_ payout: NewPayout, in transaction: Transaction) throws -> Begun {
        throw Problem(.notConfigured)
    }

    /// The payout of a subject that is live; otherwise the last one.
    package func payout(of purpose: PayoutPurpose, _ subject: String, in transaction: Transaction) throws -> Payout? {
        nil
    }

    /// Sends a payout whose beginning has been committed, or waits for the caller that is sending it.
    /// - Returns: the payout afterwards: `transferred` or a later state; `refused` with the reason; `unknown`, `sending`
    ///   or `reserved` where the outcome is not known when `timeout` has passed.
    package func send(_ id: ID<Payout>, waitingUpTo timeout: Duration = .seconds(10)) async throws(Problem) -> Payout {
        throw Problem(.notConfigured)
    }

    /// Keeps a payout that is not sent yet from being sent.
    /// - Throws: `not-found`; `payout-state` in other states than reserved.
    @discardableResult
    package func hold(_ id: ID<Payout>, reason: String, in transaction: Transaction) throws -> Payout {
        throw Problem(.notConfigured)
    }

    /// Releases a hold, or approves a payout that waits for it. A job sends it; ``send(_:waitingUpTo:)`` does so at once.
    /// - Throws: `not-found`; `payout-state` in other states than held.
    @discardableResult
    package func approve(_ id: ID<Payout>, in transaction: Transaction) throws -> Payout {
        throw Problem(.notConfigured)
    }

    /// Gives the money back to its source.
    /// - Throws: `not-found`; `payout-state` in other states than reserved, held and refused.
    @discardableResult
    package func cancel(_ id: ID<Payout>, reason: String, in transaction: Transaction) throws -> Payout {
        throw Problem(.notConfigured)
    }

    /// Begins to take a transferred payout back, whole. ``reversal(of:waitingUpTo:)`` waits for the outcome.
    /// - Throws: `not-found`; `payout-state` in other states than transferred, paid and returned.
    @discardableResult
    package func reverse(_ id: ID<Payout>, reason: String, in transaction: Transaction) throws -> Payout {
        throw Problem(.notConfigured)
    }

    /// Waits for the outcome of a reversal that has been committed.
    /// - Returns: the payout afterwards: `reversed`; an earlier state with the reason where the provider refused it;
    ///   `reversing` where the outcome is not known when `timeout` has passed.
    package func reversal(of id: ID<Payout>, waitingUpTo timeout: Duration = .seconds(10)) async throws(Problem)
        -> Payout
    {
        throw Problem(.notConfigured)
    }
}
