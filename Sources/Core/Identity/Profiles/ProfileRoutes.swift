import Modules

/// The authenticated account: read it, change it, close it; and the verification of tokens.
struct ProfileRoutes {
    let profiles: ProfileService
    let accounts: AccountService
    let introspection: IntrospectionService
    let member: Member

    var routes: [Route] { account + tokens + profile }

    private var account: [Route] {
        [
            .get(
                "auth/me", "Get your account", requires: member.allowing(.identityRead), problems: [.notFound]
            ) { [profiles] scope in
                try await profiles.account(scope)
            },
            .get(
                "auth/profile", "Get your account with its numbers of sign-ins and of active sessions",
                requires: member.allowing(.identityRead), problems: [.notFound]
            ) { [profiles] scope in
                try await profiles.account(scope)
            },
            .put("auth/me", "Change your names", requires: member, problems: [.accountExists, .notFound]) {
                [profiles] (payload: ProfileChange, scope) in
                try await profiles.change(payload, scope: scope)
                return try await profiles.account(scope)
            },
        ]
    }

    private var tokens: [Route] {
        [
            .get(
                "auth/verify", "Verify the request's access token or API key",
                requires: member.allowing(.identityRead), problems: [.notFound]
            ) { [profiles] scope in
                TokenOwner(try await profiles.account(scope).body.user, scope)
            },
            .post(
                "auth/verify-token", "Verify an access token: that of the body, or else the bearer token",
                requires: PresentedToken()
            ) { [introspection] (payload: TokenRequest, presented) in
                guard let token = payload.token ?? presented else {
                    throw Problem.invalid("/token", "is required, or a bearer token in Authorization")
                }
                return try await introspection.introspect(token)
            },
        ]
    }

    private var profile: [Route] {
        [
            .get(
                "user/profile", "Get your profile with preferences and usage", requires: member,
                .query("include_api_key", oneOf: ["true", "false"]),
                problems: [.notFound]
            ) { [profiles] scope, includesKey in
                try await profiles.profile(scope, includesKey: includesKey == "true")
            },
            .put(
                "user/profile", "Change your names and preferences", requires: member,
                problems: [.accountExists, .notFound]
            ) { [profiles] (payload: ProfileChange, scope) in
                try await profiles.change(payload, scope: scope)
                return try await profiles.profile(scope, includesKey: false)
            },
            .delete(
                "user/profile", "Close your account; requires ?confirm=true and a sign-in of the last 5 minutes",
                requires: member.inPerson,
                .query("confirm", oneOf: ["true", "false"]),
                problems: [
                    .confirmationRequired, .reauthenticationRequired, .lastAdministrator, .soleOwner, .notFound,
                ]
            ) { [accounts] scope, confirm in
                try await accounts.close(scope, isConfirmed: confirm == "true")
            },
        ]
    }
}
