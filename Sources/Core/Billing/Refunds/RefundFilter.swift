import Modules

/// Which refunds a list has.
struct RefundFilter: Sendable {
    /// Nil for all.
    var state: Refund.State?
    /// Of the payments.
    var method: Payment.Method?

    var condition: SQL {
        var condition: SQL = .always
        if let state { condition = "\(condition) AND refunds.state = \(state)" }
        if let method { condition = "\(condition) AND payments.method = \(method)" }
        return condition
    }
}
