import Entitlements
import Identity
import Modules
import Rates

struct PaymentRoutes {
    let identity: IdentityModule
    let entitlements: EntitlementsModule
    let intents: PaymentIntentService
    let history: PaymentHistoryService

    var routes: [Route] {
        [
            .post(
                "payments/create-intent", "Begin a payment, which the client confirms at the provider",
                requires: identity.member, identity.verified, entitlements.rate("payments", .perMinute(20)),
                problems: [
                    .amountMismatch, .paymentInProgress, .paymentRefused, .providerUnavailable, .notConfigured,
                    .notFound, .conflict, .insufficientRole, .planNotFound, .paymentRequired, .alreadySubscribed,
                ]
            ) { (request: PaymentRequest, scope, _, _) in try await intents.create(request, scope: scope) },
            .get(
                "payments/history", "List payments, newest first: one's own, or all for administrators",
                requires: identity.member, .query("status", oneOf: PaymentView.Status.allCases.map(\.rawValue)),
                .query("purpose", upTo: 64), .query("user_id", upTo: 36), .query("organisation_id", upTo: 36),
                .query("limit", 1...200, default: 50), .query("offset", 0...1_000_000, default: 0),
                problems: [.insufficientRole, .validationFailed]
            ) { scope, status, purpose, person, organisation, limit, offset in
                let filter = try PaymentFilter(
                    organisation: organisation, person: person, purpose: purpose,
                    status: status.flatMap(PaymentView.Status.init))
                return try await history.list(filter, scope: scope, limit: limit, offset: offset)
            },
            .get(
                "admin/payments", "List the payments of all organisations, newest first",
                requires: identity.role(.admin), .query("status", oneOf: PaymentView.Status.allCases.map(\.rawValue)),
                .query("purpose", upTo: 64), .query("user_id", upTo: 36), .query("organisation_id", upTo: 36),
                .query("limit", 1...200, default: 50), .query("offset", 0...1_000_000, default: 0),
                problems: [.validationFailed]
            ) { scope, status, purpose, person, organisation, limit, offset in
                let filter = try PaymentFilter(
                    organisation: organisation, person: person, purpose: purpose,
                    status: status.flatMap(PaymentView.Status.init))
                return try await history.list(filter, scope: scope, limit: limit, offset: offset)
            },
        ]
    }
}
