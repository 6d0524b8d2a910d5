package import Modules

/// Credits to be granted.
package struct CreditGrant: Sendable {
    package let units: Int64
    package let origin: CreditLot.Origin
    package let source: String?
    package let expiresAt: Instant?
    package let operation: String
    package let reason: String

    /// - Parameters:
    ///   - units: at least 1.
    ///   - source: the id of the subscription or payment that the credits belong to.
    ///   - operation: the unique key of the grant in its organisation: a repeat grants nothing.
    ///   - expiresAt: the moment from which the credits cannot be spent; nil for never.
    package init(
        _ units: Int64, _ origin: CreditLot.Origin, from source: String? = nil, expiresAt: Instant? = nil,
        operation: String, reason: String = ""
    ) {
        precondition(units > 0, "a grant has at least one unit")
        self.units = units
        self.origin = origin
        self.source = source
        self.expiresAt = expiresAt
        self.operation = operation
        self.reason = reason
    }
}
