import Modules

/// Registration, refreshing and signing out.
struct AccountRoutes {
    let registration: RegistrationService
    let sessions: SessionService
    let member: Member

    var routes: [Route] {
        [
            .post("auth/register", "Create an account and sign in", requires: .public, problems: [.accountExists]) {
                [registration] (payload: Registration, client) in
                try await registration.begin(payload, client: client)
            },
            .post(
                "auth/signup", "Create an account and sign in; the tokens also as a pair", requires: .public,
                problems: [.accountExists]
            ) { [registration] (payload: Registration, client) in
                try await registration.begin(payload, client: client).map(SignedInWithPair.init)
            },
            .post(
                "auth/refresh", "Exchange a refresh token for new tokens", requires: .public,
                problems: [.invalidRefreshToken]
            ) { [sessions] (payload: Refresh, client) in
                try await sessions.refresh(payload.refreshToken, client: client)
            },
            .post("auth/logout", "End this session", requires: member) { [sessions] scope in
                try await sessions.end(scope)
                return SignedOut(message: "Signed out")
            }.alias("auth/signout"),
        ]
    }
}
