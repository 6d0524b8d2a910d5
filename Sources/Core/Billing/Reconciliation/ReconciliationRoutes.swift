import Identity
import Modules

/// Differences between the provider's balance and the ledger, for administrators.
struct ReconciliationRoutes {
    let identity: IdentityModule
    let reconciliation: ReconciliationService

    var routes: [Route] {
        [
            .get(
                "admin/reconciliation-cases", "List the differences between the provider's balance and the ledger",
                requires: identity.role(.admin),
                .query("state", oneOf: ReconciliationCase.State.allCases.map(\.rawValue)),
                .query("limit", 1...500, default: 50), .query("offset", 0...1_000_000, default: 0)
            ) { [reconciliation] _, state, limit, offset in
                try await reconciliation.list(
                    in: state.flatMap(ReconciliationCase.State.init), limit: limit, offset: offset)
            },
            .post(
                "admin/reconciliation-cases/{id}/resolution", "Resolve a difference with a note",
                requires: identity.role(.admin).inPerson, .path("id", of: ReconciliationCase.self),
                problems: [.caseResolved]
            ) { [reconciliation] (payload: CaseResolution, scope, id) in
                try await reconciliation.resolve(id, note: payload.note, scope: scope)
            },
        ]
    }
}
