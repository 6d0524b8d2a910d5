package import Identity
package import Modules
package import Stripe

/// A request to the payment provider with an outside effect. It is written in the transaction that causes it, sent after
/// that transaction's commit, and settled in a transaction of its own: its effect happens once, or it is known not to
/// have happened.
///
/// | state | event | next |
/// |---|---|---|
/// | pending | a worker or the request claims it | sending |
/// | sending | Stripe has done it | done |
/// | sending | Stripe refused it | refused |
/// | sending | timeout, 5xx, broken connection, crash, key in use | unknown |
/// | unknown | the same key and body, within 23 hours of the first attempt | done, refused |
/// | unknown | later: looked up by its purpose's reconciliation | done, refused |
/// | unknown | not known after the last look-up | stuck, for an administrator |
/// | stuck | an administrator enters the outcome, or has it looked up again | done, refused, unknown |
package struct ProviderCall: Sendable {
    package enum State: String, Sendable, Codable, CaseIterable, SQLBindable, SQLReadable {
        case pending, sending, done, refused, unknown, stuck

        package var isFinal: Bool { self == .done || self == .refused }
    }

    package let id: ID<ProviderCall>
    /// What the call is for, such as `payment.create`; selects the handler of its outcome.
    package let purpose: ProviderPurpose
    /// The id of the row that the call belongs to. Calls of one subject are sent one at a time, in order.
    package let subject: String
    /// The organisation whose money or data the call is about; nil for the platform's own.
    package let organisation: ID<Organisation>?
    /// The idempotency key, unique among all calls. It survives a crash, so it is derived from the subject:
    /// `payment:<id>:create`.
    package let key: String
    package let request: StripeRequest
    package internal(set) var state: State
    /// When its latest attempt began, by the database's clock; nil before the first. What Stripe answers is at least as
    /// new as this.
    package internal(set) var sentAt: Instant?

    package init(
        id: ID<ProviderCall>, purpose: ProviderPurpose, subject: String, organisation: ID<Organisation>?, key: String,
        request: StripeRequest
    ) {
        self.id = id
        self.purpose = purpose
        self.subject = subject
        self.organisation = organisation
        self.key = key
        self.request = request
        state = .pending
        sentAt = nil
    }
}
