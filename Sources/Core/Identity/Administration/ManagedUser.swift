package import Modules

/// An account as administrators see it.
struct ManagedUser: Payload {
    var id: ID<Person>
    var email: String
    var username: String?
    var fullName: String?
    var role: Role
    var isActive: Bool
    var emailVerified: Bool
    var organisationId: ID<Organisation>
    var activeSessionsCount: Int64
    var createdAt: Instant
    var updatedAt: Instant
}

struct ManagedUsers: Payload {
    var users: [ManagedUser]
    var total: Int64
    var limit: Int
    var offset: Int
}

/// Which accounts are looked for: everything that is given must fit.
struct UserSearch: Sendable {
    /// A part of the address, the user name or the full name.
    var text: String?
    var role: Role?
    var isActive: Bool?
    var limit: Int
    var offset: Int
}

/// What an administrator changes of an account. What is not given stays.
struct UserChange: Payload {
    var role: Role?
    var isActive: Bool?
    /// Makes the present password useless: only a reset by mail leads back in.
    var forcePasswordReset: Bool?
    var endSessions: Bool?

    static let rules: [String: Rule] = ["role": .oneOf(Role.allCases.map(\.rawValue))]
}

struct ImpersonationRequest: Payload {
    /// Why: the person and the audit trail are told.
    var reason: String

    static let rules: [String: Rule] = ["reason": .length(10...500)]
}

/// A token to act in somebody's name with. It cannot be refreshed.
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
    /// How many sessions ended.
    var ended: Int
}

extension Problem.Kind {
    package static let ownAccount = Self("own-account", "This cannot be done to your own account", status: 409)
    package static let lastAdministrator = Self("last-administrator", "This is the last administrator", status: 409)
    package static let impersonationNotAllowed = Self(
        "impersonation-not-allowed", "This cannot be done in somebody else's name", status: 403)
}
