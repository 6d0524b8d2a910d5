import Modules

/// An account of the ledger. Its row is inserted with its first movement.
package struct LedgerAccount: Sendable, Hashable, Comparable {
    /// The id of an organisation, or a name that the program defines.
    package let owner: String
    /// Unique among the accounts of its owner and unit, such as `available`.
    package let name: String
    package let unit: LedgerUnit
    /// Whether the balance may be below 0, as that of a source of units or of debt.
    package let mayBeNegative: Bool

    package init(_ name: String, of owner: String, in unit: LedgerUnit, mayBeNegative: Bool = false) {
        self.owner = owner
        self.name = name
        self.unit = unit
        self.mayBeNegative = mayBeNegative
    }

    /// The order in which accounts are locked.
    package static func < (left: Self, right: Self) -> Bool {
        (left.owner, left.unit.code, left.name) < (right.owner, right.unit.code, right.name)
    }
}
