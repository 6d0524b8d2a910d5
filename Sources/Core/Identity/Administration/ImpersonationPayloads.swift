package import Modules

struct ImpersonationRequest: Payload {
    /// Part of the audit event and of the e-mail to the person.
    var reason: String
    /// This or `mfa_code` is required, unless the sign-in is younger than five minutes.
    var password: String?
    var mfaCode: String?

    static let rules: [String: Rule] = [
        "reason": .length(10...500), "password": .length(1...1_024), "mfa_code": .length(1...64),
    ]
}

/// An access token for an impersonation. There is no refresh token.
struct Impersonation: Payload {
    var accessToken: String
    var tokenType = "bearer"
    var expiresIn: Int
    var csrfToken: String
    var sessionId: ID<Session>
    var impersonatorId: ID<Person>
    var user: User

    static let lifetime: Duration = .hours(1)
}

struct EndedSessions: Payload {
    /// The number of ended sessions.
    var ended: Int
}

extension Problem.Kind {
    package static let impersonationNotAllowed = Self(
        "impersonation-not-allowed", "Impersonation is not allowed here", status: 403)
}
