package import Modules

/// What a call is for. Declared once by the service that enqueues it, which registers the handler of its outcome.
package struct ProviderPurpose: Sendable, Hashable, SQLBindable, SQLReadable {
    /// Noun and verb, such as `payment.create`. Never changed once released: rows hold it.
    package let name: String
    package init(_ name: String) { self.name = name }

    package var sqlValue: SQL.Value { .text(name) }
    package init?(sqlValue: SQL.Value) {
        guard let name = String(sqlValue: sqlValue) else { return nil }
        self.init(name)
    }
}
