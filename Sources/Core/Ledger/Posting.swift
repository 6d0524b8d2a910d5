package import Modules

/// Movements that are written together.
package struct Posting: Sendable {
    /// The owner whose entries list the posting.
    package let owner: String
    package let unit: LedgerUnit
    /// The type of the event, such as `granted`.
    package let kind: String
    /// The unique key of the posting among those of its owner.
    package let operation: String
    /// Identifies the contents where clients choose the operation key: the same key with another fingerprint is a
    /// conflict.
    package let fingerprint: String
    /// The reason in words, or the operation key of the work.
    package let reason: String
    /// The posting that this one corrects.
    package let corrects: ID<Posting>?
    /// The effective time, which balances at a moment use; nil for now.
    package let occurredAt: Instant?
    package let movements: [Movement]

    package init(
        _ kind: String,
        of owner: String,
        in unit: LedgerUnit,
        operation: String,
        fingerprint: String = "",
        reason: String = "",
        corrects: ID<Posting>? = nil,
        occurredAt: Instant? = nil,
        _ movements: [Movement]
    ) {
        self.kind = kind
        self.owner = owner
        self.unit = unit
        self.operation = operation
        self.fingerprint = fingerprint
        self.reason = reason
        self.corrects = corrects
        self.occurredAt = occurredAt
        self.movements = movements
    }
}
