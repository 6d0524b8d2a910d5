package import Modules

/// What payments are for. Declared once by the module whose work they pay, which registers its handler.
package struct PaymentPurpose: Sendable, Hashable, SQLBindable, SQLReadable {
    /// Such as `event` or `plan`. Never changed once released: rows hold it.
    package let name: String
    package init(_ name: String) { self.name = name }

    package var sqlValue: SQL.Value { .text(name) }
    package init?(sqlValue: SQL.Value) {
        guard let name = String(sqlValue: sqlValue) else { return nil }
        self.init(name)
    }
}

/// The account that a payment's money is posted to when it arrives.
package enum PaymentDestination: String, Sendable, Codable, CaseIterable, SQLBindable, SQLReadable {
    /// Held for the payer until it is released or refunded.
    case held
    /// Earned by the platform.
    case revenue
}
