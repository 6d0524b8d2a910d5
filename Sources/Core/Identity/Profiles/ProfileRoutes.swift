import Modules

extension IdentityModule {
    /// What people see and say of themselves.
    var profileRoutes: [Route] {
        [
            .get("auth/me", "The signed-in person", requires: member.allowing(.identityRead), problems: [.notFound]) {
                scope in
                try await profiles.account(scope)
            },
            .get(
                "auth/profile", "The signed-in person, with how many sessions are live",
                requires: member.allowing(.identityRead), problems: [.notFound]
            ) {
                scope in
                try await profiles.account(scope)
            },
            .put("auth/me", "Change what one is called", requires: member, problems: [.accountExists, .notFound]) {
                (request: ProfileChange, scope) in
                try await profiles.change(request, scope: scope)
                return try await profiles.account(scope)
            },
            .get(
                "auth/verify", "Whether this access token or API key is good, and whose it is",
                requires: member.allowing(.identityRead), problems: [.notFound]
            ) { scope in
                TokenOwner(try await profiles.account(scope).body.user, scope)
            },
            .post("auth/verify-token", "Whether an access token is good, whose it is and how long", requires: .public) {
                (request: TokenGiven, _) in
                try await profiles.introspect(request.token)
            },
            .get(
                "user/profile", "The signed-in person, with preferences and use", requires: member,
                .query("include_api_key", oneOf: ["true", "false"]),
                problems: [.notFound]
            ) { scope, includesKey in
                try await profiles.profile(scope, includesKey: includesKey == "true")
            },
            .put(
                "user/profile", "Change what one is called, and preferences", requires: member,
                problems: [.accountExists, .notFound]
            ) {
                (request: ProfileChange, scope) in
                try await profiles.change(request, scope: scope)
                return try await profiles.profile(scope, includesKey: false)
            },
            .delete(
                "user/profile", "Close one's account; asks for ?confirm=true", requires: member.inPerson,
                .query("confirm", oneOf: ["true", "false"]),
                problems: [.confirmationRequired, .notFound]
            ) { scope, confirm in
                try await profiles.close(scope, isConfirmed: confirm == "true")
            },
        ]
    }
}
