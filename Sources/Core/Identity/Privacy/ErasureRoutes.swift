import Modules

/// The erasure of a person's own account.
struct ErasureRoutes {
    let erasures: ErasureService
    let member: Member

    var routes: [Route] {
        [
            .post(
                "user/erasure", "Schedule the erasure of your account in 14 days", requires: member.inPerson,
                problems: [
                    .wrongPassword, .invalidSecondFactor, .reauthenticationRequired, .accountLocked, .soleOwner,
                    .lastAdministrator, .notSettled, .notFound,
                ]
            ) { [erasures] (payload: ErasureRequest, scope) in
                Accepted(try await erasures.request(payload, scope: scope), follow: "/v1/user/erasure")
            },
            .get("user/erasure", "Get the scheduled erasure of your account", requires: member) {
                [erasures] scope in
                try await erasures.view(scope)
            },
            .get(
                "keep-account", "Page that the link of an erasure's e-mail opens", requires: .public,
                .query("token", upTo: 400)
            ) { _, token in
                VerificationPages.keepAccount(token: token ?? "")
            },
            .post(
                "user/erasure/cancellation", "Cancel an erasure by the token of its e-mail", requires: .public,
                problems: [.notFound]
            ) { [erasures] (payload: ErasureCancellationRequest, client) in
                try await erasures.cancel(payload.token, client: client)
            },
            .delete("user/erasure", "Cancel the erasure of your account", requires: member.inPerson) {
                [erasures] scope in
                try await erasures.cancel(scope)
            },
        ]
    }
}
