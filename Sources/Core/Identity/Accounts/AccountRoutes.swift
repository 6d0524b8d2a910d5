import Modules

extension IdentityModule {
    /// Registration, signing in and out, and what a person sees of themselves.
    var accountRoutes: [Route] {
        [
            .post("auth/register", "Make an account and sign in", requires: .public, problems: [.accountExists]) { (request: Registration, visitor) in
                Created(try await accounts.register(request, visitor: visitor))
            },
            .post("auth/signup", "Make an account and sign in, with the tokens also as a pair", requires: .public, problems: [.accountExists]) {
                (request: Registration, visitor) in
                Created(SignedInWithPair(try await accounts.register(request, visitor: visitor)))
            },
            .post("auth/login", "Sign in", requires: .public, problems: [.invalidCredentials, .accountSuspended]) { (request: Credentials, visitor) in
                try await accounts.signIn(request, visitor: visitor)
            },
            .post("auth/signin", "Sign in, with the tokens also as a pair", requires: .public, problems: [.invalidCredentials, .accountSuspended]) {
                (request: Credentials, visitor) in
                SignedInWithPair(try await accounts.signIn(request, visitor: visitor))
            },
            .post("auth/refresh", "Trade a refresh token for a new pair", requires: .public, problems: [.invalidRefreshToken]) { (request: Refresh, visitor) in
                try await sessions.refresh(request.refreshToken, visitor: visitor)
            },
            .post("auth/logout", "End this session", requires: member) { scope in
                try await sessions.end(scope)
                return Farewell(message: "Signed out")
            }.alias("auth/signout"),
            .get("auth/profile", "The signed-in person", requires: member.allowing(.identityRead)) { scope in try await accounts.profile(scope) }.alias(
                "auth/me"),
            .get("auth/verify", "Whether this access token or API key is good", requires: member.allowing(.identityRead)) { scope in
                Verification(valid: true, userId: scope.person, organisationId: scope.organisation, role: scope.role)
            },
        ]
    }
}

struct Registration: Payload {
    var email: String
    var password: String
    var username: String?
    var fullName: String?
    var firstName: String?
    var lastName: String?
    var phone: String?
    var organization: String?
    var role: Role?

    static let rules: [String: Rule] = [
        "email": .length(3...254), "password": .length(1...1_024), "username": .length(1...64), "full_name": .length(0...200),
        "first_name": .length(0...100), "last_name": .length(0...100), "phone": .length(0...40), "organization": .length(0...200),
        "role": .oneOf(Role.allCases.filter(\.isOpenToAll).map(\.rawValue)),
    ]
}

/// JSON, or the OAuth 2.0 password form (RFC 6749, section 4.3.2), whose other fields are accepted and not used.
struct Credentials: FormReadable {
    var email: String?
    var username: String?
    var password: String
    var grantType: String?
    var scope: String?
    var clientId: String?
    var clientSecret: String?

    static let rules: [String: Rule] = [
        "email": .length(1...254), "username": .length(1...254), "password": .length(1...1_024), "grant_type": .length(0...40),
        "scope": .length(0...400), "client_id": .length(0...200), "client_secret": .length(0...400),
    ]
}

struct Refresh: FormReadable {
    var refreshToken: String
    var grantType: String?

    static let rules: [String: Rule] = ["refresh_token": .length(1...4_096), "grant_type": .length(0...40)]
}

struct User: Payload {
    var id: ID<Person>
    var email: String
    var username: String?
    var fullName: String?
    var role: Role
    var emailVerified: Bool
    var organisationId: ID<Organisation>
    var createdAt: Instant

    init(_ person: Person) {
        id = person.id
        email = person.email
        username = person.username
        fullName = person.fullName
        role = person.role
        emailVerified = person.isEmailVerified
        organisationId = person.organisation
        createdAt = person.createdAt
    }
}

package struct SignedIn: Payload {
    var accessToken: String
    var refreshToken: String
    var tokenType = "bearer"
    var expiresIn: Int
    var csrfToken: String
    var user: User
}

/// What the `signup` and `signin` spellings answer: the same, and the tokens once more as a pair.
struct SignedInWithPair: Payload {
    struct Pair: Payload {
        var accessToken: String
        var refreshToken: String
        var tokenType = "Bearer"
        var expiresIn: Int
    }

    var accessToken: String
    var refreshToken: String
    var tokenType: String
    var expiresIn: Int
    var csrfToken: String
    var user: User
    var tokens: Pair

    init(_ signedIn: SignedIn) {
        accessToken = signedIn.accessToken
        refreshToken = signedIn.refreshToken
        tokenType = signedIn.tokenType
        expiresIn = signedIn.expiresIn
        csrfToken = signedIn.csrfToken
        user = signedIn.user
        tokens = Pair(accessToken: signedIn.accessToken, refreshToken: signedIn.refreshToken, expiresIn: signedIn.expiresIn)
    }
}

struct Profile: Payload {
    var user: User
    var activeSessionsCount: Int64
}

struct Verification: Payload {
    var valid: Bool
    var userId: ID<Person>
    var organisationId: ID<Organisation>
    var role: Role
}

struct Farewell: Payload {
    var message: String
}
