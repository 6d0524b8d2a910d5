package import Modules

/// The unit of an account: credits, or the minor units of a currency. Amounts of different units are never added.
package struct LedgerUnit: Sendable, Hashable, SQLBindable, SQLReadable {
    package let code: String

    private init(code: String) { self.code = code }
    /// The minor units of a currency.
    package init(_ currency: Currency) { self.init(code: currency.code) }
    package static let credits = LedgerUnit(code: "credits")

    package var sqlValue: SQL.Value { .text(code) }
    package init?(sqlValue: SQL.Value) {
        guard let code = String(sqlValue: sqlValue) else { return nil }
        self.init(code: code)
    }
}
