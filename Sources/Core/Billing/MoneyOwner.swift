package import Identity
package import Modules

/// The owner of a ledger account of money: the platform, an organisation, or the pseudonym of an erased organisation.
package struct MoneyOwner: Sendable, Hashable, SQLBindable, SQLReadable {
    package let text: String

    private init(text: String) { self.text = text }

    package static let platform = MoneyOwner(text: "platform")
    package static func organisation(_ id: ID<Organisation>) -> MoneyOwner { MoneyOwner(text: id.text) }

    /// Nil for the platform and for an erased organisation.
    package var organisation: ID<Organisation>? { ID(text) }

    package var sqlValue: SQL.Value { .text(text) }
    package init?(sqlValue: SQL.Value) {
        guard let text = String(sqlValue: sqlValue) else { return nil }
        self.init(text: text)
    }
}
