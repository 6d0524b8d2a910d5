import Identity
package import Modules

/// A difference between the provider's balance transactions and the ledger, for an administrator.
package struct ReconciliationCase: Sendable, Hashable {
    package enum Kind: String, Sendable, Codable, CaseIterable, SQLBindable, SQLReadable {
        /// A balance transaction whose source is not known here.
        case unknownSource = "unknown_source"
        /// A balance transaction of a kind that is not expected.
        case unknownKind = "unknown_kind"
        /// The amounts or currencies differ.
        case amount
        /// The source is known here, in a state without this effect.
        case state
        /// The ledger has a movement without a balance transaction.
        case missing
    }

    package enum State: String, Sendable, Codable, CaseIterable, SQLBindable, SQLReadable { case open, resolved }

    package let id: ID<ReconciliationCase>
    package let kind: Kind
    /// The id of the balance transaction, or of the row here that has none. One case of a kind each.
    package let reference: String
    package let currency: String?
    package let expectedMinor: Int64?
    package let foundMinor: Int64?
    package let detail: String
    package let state: State
    package let note: String?
    package let resolvedBy: String?
    package let createdAt: Instant
    package let resolvedAt: Instant?
}

extension ReconciliationCase {
    init(
        id: ID<ReconciliationCase>, _ kind: Kind, of reference: String, currency: String? = nil,
        expected: Int64? = nil, found: Int64? = nil, _ detail: String, at now: Instant
    ) {
        self.id = id
        self.kind = kind
        self.reference = reference
        self.currency = currency
        expectedMinor = expected
        foundMinor = found
        self.detail = detail
        state = .open
        (note, resolvedBy, resolvedAt) = (nil, nil, nil)
        createdAt = now
    }

    init(row: Row) throws {
        id = try row["id"]
        kind = try row["kind"]
        reference = try row["reference"]
        currency = try row["currency"]
        expectedMinor = try row["expected_minor"]
        foundMinor = try row["found_minor"]
        detail = try row["detail"]
        state = try row["state"]
        note = try row["note"]
        resolvedBy = try row["resolved_by"]
        createdAt = try row["created_at"]
        resolvedAt = try row["resolved_at"]
    }
}
