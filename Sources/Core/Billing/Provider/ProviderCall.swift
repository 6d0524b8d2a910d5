package import Identity
package import Modules
package import Stripe

/// A request to the payment provider with an outside effect. It is written in the transaction that causes it, sent
/// after that transaction's commit, and settled in a transaction of its own: its effect happens once, or it is known
/// not to have happened.
///
/// | state | event | next |
/// |---|---|---|
/// | pending | a worker or a request claims it | sending |
/// | sending | Stripe has done it | done |
/// | sending | Stripe refused it | refused |
/// | sending | timeout, 5xx, broken connection, key in use; the lease ends | unknown |
/// | unknown | sent again with the same key and body, within 23 hours of the first attempt | sending |
/// | unknown | later: looked up by its purpose's reconciliation | sending |
/// | sending | found absent by a second look-up | refused |
/// | sending | not known after the last look-up | stuck, for an administrator |
/// | stuck | an administrator has it looked up again, or enters the outcome | unknown, done, refused |
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
    package internal(set) var state = State.pending
    /// When its latest attempt began, by the database's clock; nil before the first. What Stripe answers is at least
    /// as new as this.
    package internal(set) var sentAt: Instant?
    var firstSentAt: Instant?
    var attempts: Int64 = 0
    /// The look-ups that found nothing.
    var absences: Int64 = 0
    /// Grows with each claim: an attempt whose lease has ended settles nothing.
    var fence: Int64 = 0
    /// The end of the lease of a call that is being sent.
    var leaseUntil: Instant?
    /// When an unknown call is sent again or looked up.
    var nextAt: Instant?
    /// The `id`, `object` and `status` of what Stripe has made.
    var object: JSONValue?
    var refusal: StripeRefusal?
    /// Why the outcome of the latest attempt is unknown.
    var unknownReason: String?
    var createdAt = Instant(seconds: 0)
    var settledAt: Instant?

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
    }
}

// MARK: Transitions

extension ProviderCall {
    /// Longer than a request to Stripe may take.
    static let lease = Duration.seconds(60)
    /// Stripe keeps keys for 24 hours.
    static let keyLifetime = Duration.hours(23)
    /// The ages at which an unknown call is tried again. After the last it is stuck.
    static let reconciliationAges: [Duration] = [
        .minutes(1), .minutes(5), .minutes(30), .hours(2), .hours(12), .hours(24),
    ]
    /// The time between two look-ups that find nothing: the provider's lists may lag.
    static let settleDelay = Duration.hours(1)
    static let absencesMax: Int64 = 2

    enum Step: Sendable, Hashable {
        /// It is final, or waits for an administrator.
        case none
        case wait(until: Instant)
        case send
        case lookUp
    }

    /// What is to be done.
    /// - Parameter early: also before an unknown call is due, for a request that repeats it.
    func step(at now: Instant, early: Bool = false) -> Step {
        switch state {
        case .done, .refused, .stuck: return .none
        case .pending: return .send
        case .sending:
            if let leaseUntil, leaseUntil > now { return .wait(until: leaseUntil) }
        case .unknown:
            let due = nextAt ?? now
            if due > now, !(early && isKeyValid(at: now)) { return .wait(until: due) }
        }
        return isKeyValid(at: now) ? .send : .lookUp
    }

    private func isKeyValid(at now: Instant) -> Bool { now < (firstSentAt ?? now) + Self.keyLifetime }

    /// Claims it for an attempt, which ``step(at:early:)`` has asked for.
    mutating func begin(at now: Instant) {
        state = .sending
        fence += 1
        attempts += 1
        sentAt = now
        firstSentAt = firstSentAt ?? now
        leaseUntil = now + Self.lease
        nextAt = nil
    }

    /// Ends the attempt.
    /// - Returns: the outcome to be applied; nil where it is not known.
    mutating func end(_ finding: ProviderCallService.Finding, at now: Instant) -> ProviderCallService.Outcome? {
        leaseUntil = nil
        switch finding {
        case .done(let value):
            object = value.summary
            state = .done
            settledAt = now
            return .done(value)
        case .refused(let reason):
            refusal = reason
            state = .refused
            settledAt = now
            return .refused(reason)
        case .absent:
            absences += 1
            guard absences < Self.absencesMax else { return end(.refused(.absent), at: now) }
            state = .unknown
            nextAt = now + Self.settleDelay
            return nil
        case .unknown(let reason):
            unknownReason = reason
            let age = now - (firstSentAt ?? now)
            if let next = Self.reconciliationAges.first(where: { $0 > age }) {
                state = .unknown
                nextAt = (firstSentAt ?? now) + next
            } else {
                state = .stuck
            }
            return nil
        }
    }

    /// Has a stuck call looked up again.
    mutating func redrive(at now: Instant) throws(Problem) {
        guard state == .stuck else { throw Problem(.providerCallState) }
        state = .unknown
        fence += 1
        absences = 0
        nextAt = now
    }

    /// Prepares a stuck call for an outcome that an administrator has found.
    mutating func resolve(_ finding: ProviderCallService.Finding, at now: Instant) throws(Problem)
        -> ProviderCallService.Outcome?
    {
        guard state == .stuck else { throw Problem(.providerCallState) }
        fence += 1
        return end(finding, at: now)
    }
}

extension JSONValue {
    /// What is kept of an object of Stripe: no secrets, no personal data.
    fileprivate var summary: JSONValue {
        var kept = (object ?? [:]).filter { ["id", "object", "status"].contains($0.key) && $0.value.string != nil }
        kept["latest_invoice"] = latestInvoice.map { .string($0) }
        return .object(kept)
    }

    /// The id of the newest invoice of a subscription, which may be expanded.
    var latestInvoice: String? { self["latest_invoice"].flatMap { $0.string ?? $0["id"]?.string } }
}

extension StripeRefusal {
    /// Two look-ups have found no effect.
    static let absent = StripeRefusal(
        status: 404, type: "absent", code: "not_found_at_provider", message: "The provider has no such object.")
}
