import Modules

/// Changes the members that are present; an empty text clears one.
struct ProfileChange: Payload {
    /// Only the present address is accepted, for clients that send back what they received.
    var email: String?
    var username: String?
    var fullName: String?
    var firstName: String?
    var lastName: String?
    var phone: String?
    /// Replaces all preferences.
    var preferences: [String: JSONValue]?

    static let rules: [String: Rule] = [
        "email": .length(1...254), "username": .length(0...64), "full_name": .length(0...200),
        "first_name": .length(0...100),
        "last_name": .length(0...100), "phone": .length(0...40),
    ]
}

/// The authenticated account, and the same as sign-in returns it under `user`: different clients read either.
struct Account: Payload {
    var id: ID<Person>
    var email: String
    var username: String?
    var fullName: String?
    var firstName: String?
    var lastName: String?
    var phone: String?
    var role: Role
    var roles: [Role]
    var isActive: Bool
    var isVerified: Bool
    var emailVerified: Bool
    var organisationId: ID<Organisation>
    var createdAt: Instant
    var updatedAt: Instant
    var lastLogin: Instant?
    var signInCount: Int64
    var activeSessionsCount: Int64
    var user: User

    /// - Parameter activeSessions: work sessions that are active, such as those of Sandbox.
    init(_ record: AccountRecord, activeSessions: Int64) {
        let person = record.person
        id = person.id
        email = person.email
        username = person.username
        fullName = person.fullName
        firstName = person.firstName
        lastName = person.lastName
        phone = person.phone
        role = person.role
        roles = [person.role]
        isActive = !person.isSuspended
        isVerified = person.isEmailVerified
        emailVerified = person.isEmailVerified
        organisationId = person.organisation
        createdAt = person.createdAt
        updatedAt = person.updatedAt
        lastLogin = record.lastLogin
        signInCount = record.signIns
        activeSessionsCount = activeSessions
        user = User(person)
    }
}

/// The authenticated account with its preferences and usage.
struct UserProfile: Payload {
    var id: ID<Person>
    var email: String
    var username: String?
    var fullName: String?
    var firstName: String?
    var lastName: String?
    var phone: String?
    var role: Role
    var roles: [Role]
    var permissions: [String]
    var preferences: [String: JSONValue]
    /// The prefix of the default API key, where it was requested; a whole key is returned once, at its creation.
    var apiKey: String?
    var isActive: Bool
    var emailVerified: Bool
    var organisationId: ID<Organisation>
    var createdAt: Instant
    var updatedAt: Instant
    var lastLogin: Instant?
    var signInCount: Int64
    var activeSessionsCount: Int64
    var sessionCount: Int64
    var messageCount: Int64
    var tokenUsage: Int64
    /// Bytes of the files of the organisation's workspace.
    var workspaceBytes: Int64

    init(
        _ record: AccountRecord, activeSessions: Int64, preferences: [String: JSONValue], usage: ProfileUsage,
        includesKey: Bool
    ) {
        let person = record.person
        id = person.id
        email = person.email
        username = person.username
        fullName = person.fullName
        firstName = person.firstName
        lastName = person.lastName
        phone = person.phone
        role = person.role
        roles = [person.role]
        permissions = person.role.permissions
        self.preferences = preferences
        apiKey = includesKey ? usage.keyPrefix : nil
        isActive = !person.isSuspended
        emailVerified = person.isEmailVerified
        organisationId = person.organisation
        createdAt = person.createdAt
        updatedAt = person.updatedAt
        lastLogin = record.lastLogin
        signInCount = record.signIns
        activeSessionsCount = activeSessions
        sessionCount = usage.sessions
        messageCount = usage.messages
        tokenUsage = usage.tokens
        workspaceBytes = usage.workspaceBytes
    }
}

/// The owner of the request's credential.
struct TokenOwner: Payload {
    var valid = true
    var userId: ID<Person>
    var email: String
    var organisationId: ID<Organisation>
    var role: Role
    var user: User

    init(_ user: User, _ scope: Scope) {
        userId = scope.person
        email = user.email
        organisationId = scope.organisation
        role = scope.role
        self.user = user
    }
}

struct TokenRequest: OptionalBody {
    /// In place of the request's bearer token.
    var token: String?

    static let rules: [String: Rule] = ["token": .length(1...16_384)]
}

/// Whether a token is valid. All members but `reason` are present exactly when it is.
struct TokenIntrospection: Payload {
    var valid: Bool
    var userId: ID<Person>?
    var email: String?
    var organisationId: ID<Organisation>?
    var role: Role?
    var expiresAt: Instant?
    /// Why it is not valid.
    var reason: String?

    init(_ token: VerifiedToken, _ person: Person) {
        valid = true
        userId = person.id
        email = person.email
        organisationId = token.organisation
        role = token.role
        expiresAt = token.expiresAt
    }

    init(reason: String?) {
        valid = false
        self.reason = reason ?? "Invalid or expired token"
    }
}

struct AccountClosed: Payload {
    var message: String
    var email: String
}
