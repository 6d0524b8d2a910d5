import Identity
import Modules

/// Payouts, for administrators and payees.
struct PayoutRoutes {
    let identity: IdentityModule
    let payouts: PayoutAdministrationService

    private static let states = Payout.State.allCases.filter { $0 != .requested }.map(\.rawValue)

    var routes: [Route] {
        [
            .get(
                "payouts", "List the payouts to your organisation, newest first", requires: identity.member,
                .query("state", oneOf: Self.states), .query("limit", 1...100, default: 50),
                .query("offset", 0...1_000_000, default: 0)
            ) { [payouts] scope, state, limit, offset in
                try await payouts.list(
                    PayoutFilter(state: state.flatMap(Payout.State.init), payee: scope.organisation), isForPayee: true,
                    limit: limit, offset: offset)
            },
            .get(
                "admin/payouts", "List the payouts, newest first", requires: identity.role(.admin),
                .query("state", oneOf: Self.states), .query("purpose", upTo: 100), .query("subject", upTo: 200),
                .query("limit", 1...500, default: 50), .query("offset", 0...1_000_000, default: 0)
            ) { [payouts] _, state, purpose, subject, limit, offset in
                try await payouts.list(
                    PayoutFilter(
                        state: state.flatMap(Payout.State.init), purpose: purpose.map { PayoutPurpose($0) },
                        subject: subject), limit: limit, offset: offset)
            },
            .get(
                "admin/payouts/{id}", "Get a payout with its attempts", requires: identity.role(.admin),
                .path("id", of: Payout.self)
            ) { [payouts] _, id in try await payouts.details(of: id) },
            .post(
                "admin/payouts/{id}/approve", "Approve a held payout and send it",
                requires: identity.role(.admin).inPerson, .path("id", of: Payout.self),
                problems: [.payoutState, .payoutAccountMissing, .notConfigured]
            ) { [payouts] scope, id in try await payouts.approve(id, scope: scope) },
            .post(
                "admin/payouts/{id}/hold", "Hold a payout that is not sent yet",
                requires: identity.role(.admin), .path("id", of: Payout.self), problems: [.payoutState]
            ) { [payouts] (payload: PayoutReason, scope, id) in
                try await payouts.hold(id, reason: payload.reason, scope: scope)
            },
            .post(
                "admin/payouts/{id}/cancel", "Cancel a payout that is not sent, and give its money back",
                requires: identity.role(.admin).inPerson, .path("id", of: Payout.self), problems: [.payoutState]
            ) { [payouts] (payload: PayoutReason, scope, id) in
                try await payouts.cancel(id, reason: payload.reason, scope: scope)
            },
            .post(
                "admin/payouts/{id}/reverse", "Take a transferred payout back from its payee",
                requires: identity.role(.admin).inPerson, .path("id", of: Payout.self),
                problems: [.payoutState, .notConfigured]
            ) { [payouts] (payload: PayoutReason, scope, id) in
                try await payouts.reverse(id, reason: payload.reason, scope: scope)
            },
        ]
    }
}
