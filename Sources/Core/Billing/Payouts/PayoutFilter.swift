package import Identity
package import Modules

/// Which payouts a list has; nil members do not select.
package struct PayoutFilter: Sendable {
    package var state: Payout.State?
    package var purpose: PayoutPurpose?
    package var payee: ID<Organisation>?
    package var subject: String?

    package init(
        state: Payout.State? = nil, purpose: PayoutPurpose? = nil, payee: ID<Organisation>? = nil,
        subject: String? = nil
    ) {
        self.state = state
        self.purpose = purpose
        self.payee = payee
        self.subject = subject
    }

    var condition: SQL {
        var condition: SQL = .always
        if let state { condition = "\(condition) AND state = \(state)" }
        if let purpose { condition = "\(condition) AND purpose = \(purpose)" }
        if let payee { condition = "\(condition) AND payee = \(payee)" }
        if let subject { condition = "\(condition) AND subject = \(subject)" }
        return condition
    }
}
