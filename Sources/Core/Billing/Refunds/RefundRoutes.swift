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
            .get(
                "admin/refunds", "List refunds, oldest first: those by UPI that are requested wait for the bank",
                requires: identity.role(.admin), .query("status", oneOf: Refund.State.allCases.map(\.rawValue)),
                .query("method", oneOf: Payment.Method.allCases.map(\.rawValue)),
                .query("limit", 1...200, default: 50), .query("offset", 0...1_000_000, default: 0)
            ) { _, status, method, limit, offset in
                let filter = RefundFilter(
                    state: status.flatMap(Refund.State.init), method: method.flatMap(Payment.Method.init))
                return try await administration.list(filter, limit: limit, offset: offset)
            },
            .post(
                "admin/refunds/{id}/settlement", "Enter the bank's reference of a refund by UPI",
                requires: identity.role(.admin), .path("id", of: Refund.self),
                problems: [.refundState, .bankReferenceUsed]
            ) { (settlement: RefundSettlement, scope, id) in
                try await administration.settle(settlement, scope: scope, refund: id)
            },
            .delete(
                "admin/refunds/{id}", "Give up a refund by UPI that the bank has not made",
                requires: identity.role(.admin), .path("id", of: Refund.self), problems: [.refundState]
            ) { scope, id in try await administration.giveUp(id, scope: scope) },
            .post(
                "admin/refunds/{id}/sent-back", "Note that the bank has sent the money of a refund by UPI back",
                requires: identity.role(.admin), .path("id", of: Refund.self), problems: [.refundState]
            ) { scope, id in try await administration.noteSentBack(id, scope: scope) },
        ]
    }
}
