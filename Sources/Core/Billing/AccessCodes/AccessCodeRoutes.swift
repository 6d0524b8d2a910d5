import Entitlements
import Identity
import Modules

struct AccessCodeRoutes {
    let identity: IdentityModule
    let codes: AccessCodeService
    /// Limits how many codes a client tries.
    let attempts: AttemptRateLimit

    var routes: [Route] {
        [
            .post(
                "payments/redeem-code", "Redeem an access code, which gives a plan for a time",
                requires: identity.organisation(.owner, .admin).inPerson, identity.verified,
                problems: [.accessCodeNotFound, .accessCodeEnded, .alreadySubscribed, .planNotFound]
            ) { [codes] (redemption: CodeRedemption, scope, _) in
                try await codes.redeem(redemption, scope: scope)
            }.guarded(by: attempts),
            .post(
                "admin/access-codes", "Make access codes; their texts are shown once", requires: identity.role(.admin),
                problems: [.planNotFound]
            ) { [codes] (new: NewAccessCodes, scope) in Created(try await codes.create(new, scope: scope)) },
            .get(
                "admin/access-codes", "List the access codes, newest first", requires: identity.role(.admin),
                .query("status", oneOf: AccessCode.State.allCases.map(\.rawValue)),
                .query("limit", 1...200, default: 50), .query("offset", 0...1_000_000, default: 0)
            ) { [codes] _, state, limit, offset in
                try await codes.list(state.flatMap(AccessCode.State.init), limit: limit, offset: offset)
            },
            .delete(
                "admin/access-codes/{id}", "Revoke an access code", requires: identity.role(.admin),
                .path("id", of: AccessCode.self), problems: [.accessCodeNotFound, .accessCodeEnded]
            ) { [codes] scope, id in try await codes.revoke(id, scope: scope) },
        ]
    }
}
