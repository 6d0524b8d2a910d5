package import Modules

/// What holds a payout, such as `marketplace.vendor`, and so what ends the hold. Declared once by the module that holds
/// it.
package struct PayoutHold: Sendable, Hashable, SQLBindable, SQLReadable {
    package let name: String
    package init(_ name: String) { self.name = name }

    package var sqlValue: SQL.Value { .text(name) }
    package init?(sqlValue: SQL.Value) {
        guard let name = String(sqlValue: sqlValue) else { return nil }
        self.init(name)
    }
}

extension PayoutHold {
    /// It waits for the approval of an administrator before it is sent.
    static let approval = PayoutHold("approval")
    /// The decision of an administrator about this payout.
    package static let administrator = PayoutHold("administrator")
    /// The payee's account has changed since it began.
    static let account = PayoutHold("account")
}
