import Identity
import Modules

/// Disputes of payments at the provider, for administrators.
struct DisputeRoutes {
    let identity: IdentityModule
    let disputes: DisputeService

    var routes: [Route] {
        [
            .get(
                "admin/payment-disputes", "List the disputes of payments at the provider, newest first",
                requires: identity.role(.admin),
                .query("funds", oneOf: PaymentDispute.Funds.allCases.map(\.rawValue)),
                .query("limit", 1...500, default: 50), .query("offset", 0...1_000_000, default: 0)
            ) { [disputes] _, funds, limit, offset in
                try await disputes.list(
                    in: funds.flatMap(PaymentDispute.Funds.init), limit: limit, offset: offset)
            }
        ]
    }
}
