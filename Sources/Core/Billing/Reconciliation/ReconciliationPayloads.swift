import Modules

/// A difference between the provider's balance and the ledger. Amounts are in minor units.
struct ReconciliationCaseView: Payload {
    var id: ID<ReconciliationCase>
    var kind: String
    var reference: String
    var currency: String?
    var expectedMinor: Int64?
    var foundMinor: Int64?
    var detail: String
    var state: String
    var note: String?
    var resolvedBy: String?
    var createdAt: Instant
    var resolvedAt: Instant?

    init(_ reconciliationCase: ReconciliationCase) {
        id = reconciliationCase.id
        kind = reconciliationCase.kind.rawValue
        reference = reconciliationCase.reference
        currency = reconciliationCase.currency
        expectedMinor = reconciliationCase.expectedMinor
        foundMinor = reconciliationCase.foundMinor
        detail = reconciliationCase.detail
        state = reconciliationCase.state.rawValue
        note = reconciliationCase.note
        resolvedBy = reconciliationCase.resolvedBy
        createdAt = reconciliationCase.createdAt
        resolvedAt = reconciliationCase.resolvedAt
    }
}

/// The body of `POST /v1/admin/reconciliation-cases/{id}/resolution`.
struct CaseResolution: Payload {
    /// What was found and done.
    var note: String

    static let rules: [String: Rule] = ["note": .length(1...2_000)]
}
