package import Modules
package import Stripe

/// A request to the payment provider with an outside effect. It is written in the transaction that causes it, sent after
/// that transaction's commit, and settled in a transaction of its own: its effect happens once, or it is known not to
/// have happened.
///
/// | state | event | next |
/// |---|---|---|
/// | pending | a worker or the request takes it | sending |
/// | sending | Stripe has done it | done |
/// | sending | Stripe refused it | refused |
/// | sending | timeout, 5xx, broken connection, crash, key in use | unknown |
/// | unknown | the same key and body, in the provider's 24 hours | done, refused |
/// | unknown | later: looked up by its purpose's reconciliation | done, refused |
/// | unknown | not known after the last look-up | stuck, for an administrator |
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
    /// The idempotency key.
    package let key: String
    package let request: StripeRequest
    package internal(set) var state: State

    package init(
        id: ID<ProviderCall>, purpose: ProviderPurpose, subject: String, key: String, request: StripeRequest,
        state: State = .pending
    ) {
        self.id = id
        self.purpose = purpose
        self.subject = subject
        self.key = key
        self.request = request
        self.state = state
    }
}

/// What a call is for. Declared once by the service that enqueues it.
package struct ProviderPurpose: Sendable, Hashable, SQLBindable, SQLReadable {
    package let name: String
    package init(_ name: String) { self.name = name }

    package var sqlValue: SQL.Value { .text(name) }
    package init?(sqlValue: SQL.Value) {
        guard let name = String(sqlValue: sqlValue) else { return nil }
        self.init(name)
    }
}
