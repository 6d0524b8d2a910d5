package import Modules

/// What payouts are for, such as `marketplace.release`. Declared once by the module that begins them.
package struct PayoutPurpose: Sendable, Hashable, SQLBindable, SQLReadable {
    package let name: String
    package init(_ name: String) { self.name = name }

    package var sqlValue: SQL.Value { .text(name) }
    package init?(sqlValue: SQL.Value) {
        guard let name = String(sqlValue: sqlValue) else { return nil }
        self.init(name)
    }
}
