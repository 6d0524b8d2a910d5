import Modules

/// Signing in, in one step or with a second factor in two.
struct SignInRoutes {
    let signIns: SignInService

    private static let refusals: [Problem.Kind] = [
        .invalidCredentials, .invalidSecondFactor, .accountSuspended, .accountLocked,
    ]

    var routes: [Route] {
        [
            .post(
                "auth/login", "Sign in", requires: .public, problems: Self.refusals
            ) { [signIns] (payload: Credentials, client) in
                try await signIns.signIn(payload, client: client)
            },
            .post(
                "auth/signin", "Sign in; the tokens also as a pair", requires: .public,
                problems: Self.refusals
            ) { [signIns] (payload: Credentials, client) in
                try await signIns.signIn(payload, client: client).map(SignedInWithPair.init)
            },
            .post(
                "auth/mfa/challenge", "Complete a sign-in with a second factor", requires: .public,
                problems: Self.refusals
            ) { [signIns] (payload: SecondFactorRequest, client) in
                try await signIns.signIn(payload, client: client).map(SignedInWithPair.init)
            },
        ]
    }
}
