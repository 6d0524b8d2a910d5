package import Identity
package import Modules

/// Money that goes back to the payer. It is taken from the payment's destination when it is requested, and put back
/// where the provider refuses it or it fails.
///
/// | state | event | next | ledger |
/// |---|---|---|---|
/// | – | request, within what was paid | requested | destination → refund_pending |
/// | requested | the provider accepts | pending, succeeded | –, refund_pending → refunded |
/// | requested | the provider refuses | failed | refund_pending → destination |
/// | pending | succeeded | succeeded | refund_pending → refunded |
/// | requested, pending | failed, canceled | failed | refund_pending → destination |
/// | succeeded | failed later, as a bank may report for weeks | failed | refunded → destination |
/// | failed | anything | the same | – |
package struct Refund: Sendable {
    package enum State: String, Sendable, Codable, CaseIterable, SQLBindable, SQLReadable {
        case requested, pending, succeeded, failed
    }

    package let id: ID<Refund>
    package let payment: ID<Payment>
    package let organisation: ID<Organisation>
    package let amount: Money
    /// The part of the amount that the platform bears, in minor units: of a refund that was made at the provider when
    /// the payment's own account had less.
    package let fromRevenueMinor: Int64
    package let reason: String
    /// Unique within the payment: a repeat returns the first.
    package let key: String
    package internal(set) var state: State
    /// `re_…`, or ``bankPrefix`` with the bank's reference; nil until it is known.
    package internal(set) var providerID: String?
    package internal(set) var failureCode: String?
    package let createdAt: Instant
    package internal(set) var settledAt: Instant?
}

extension Refund {
    static let bankPrefix = "upi:"

    /// The bank's reference of a refund that an administrator has made there.
    package var bankReference: String? {
        providerID.flatMap { $0.hasPrefix(Self.bankPrefix) ? String($0.dropFirst(Self.bankPrefix.count)) : nil }
    }
}

// MARK: Transitions

extension Refund {
    /// Applies what the provider says. A failed refund stays failed, and one that has succeeded can only fail.
    /// - Returns: whether the state has changed.
    mutating func apply(_ next: State, providerID: String?, failureCode: String? = nil, at now: Instant) -> Bool {
        self.providerID = self.providerID ?? providerID
        guard rank(next) > rank(state) else { return false }
        state = next
        self.failureCode = next == .failed ? failureCode ?? "failed" : nil
        settledAt = next == .succeeded || next == .failed ? now : nil
        return true
    }

    /// States only move forward.
    private func rank(_ state: State) -> Int {
        switch state {
        case .requested: 0
        case .pending: 1
        case .succeeded: 2
        case .failed: 3
        }
    }
}
