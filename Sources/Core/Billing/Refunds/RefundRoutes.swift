import Entitlements
import Identity
import Ledger
import Modules

/// Refunds, for administrators.
struct RefundRoutes {
    let identity: IdentityModule
    let administration: RefundAdministrationService

    var routes: [Route] {
        [
            .post(
                "admin/payments/{id}/refunds", "Refund a payment, wholly or in part", requires: identity.role(.admin),
                .path("id", of: Payment.self), .header(.idempotencyKey),
                problems: [
                    .refundTooHigh, .paymentState, .ledgerOverdrawn, .operationConflict, .conflict, .notConfigured,
                ]
            ) { (request: RefundRequest, scope, id, key) in
                Created(try await administration.refund(request, key: key, scope: scope, payment: id))
            },
            .get(
                "admin/payments/{id}/refunds", "List the refunds of a payment, oldest first",
                requires: identity.role(.admin), .path("id", of: Payment.self)
            ) { _, id in try await administration.list(id) },
        ]
    }
}
