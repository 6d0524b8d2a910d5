import Modules

/// What is given is changed; an empty text is cleared.
struct ProfileChange: Payload {
    /// Only the present one is accepted: clients that send back all they got change nothing by it.
    var email: String?
    var username: String?
    var fullName: String?
    var firstName: String?
    var lastName: String?
    var phone: String?
    /// Replaces what was there.
    var preferences: [String: JSONValue]?

    static let rules: [String: Rule] = [
        "email": .length(1...254), "username": .length(0...64), "full_name": .length(0...200),
        "first_name": .length(0...100),
        "last_name": .length(0...100), "phone": .length(0...40),
    ]
}

/// The signed-in person: the members that clients of all systems read, and the person once more as sign-in answers it.
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
    var activeSessionsCount: Int64
    var user: User

    init(_ record: AccountRecord) {
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
        activeSessionsCount = record.sessions
        user = User(person)
    }
}

/// The signed-in person with what they prefer and what they used.
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
    /// The beginning of the key in use, where it was asked for and there is one; a whole key is shown once, when it is made.
    var apiKey: String?
    var isActive: Bool
    var emailVerified: Bool
    var organisationId: ID<Organisation>
    var createdAt: Instant
    var updatedAt: Instant
    var lastLogin: Instant?
    var activeSessionsCount: Int64
    var sessionCount: Int64
    var messageCount: Int64
    var tokenUsage: Int64

    init(_ record: AccountRecord, preferences: [String: JSONValue], usage: ProfileUsage, includesKey: Bool) {
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
        activeSessionsCount = record.sessions
        sessionCount = usage.sessions
        messageCount = usage.messages
        tokenUsage = usage.tokens
    }
}

/// Whose the access token of a call is.
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

struct TokenGiven: Payload {
    var token: String

    static let rules: [String: Rule] = ["token": .length(1...16_384)]
}

/// Whether a token is good. All members but `reason` are there exactly when it is.
struct TokenVerdict: Payload {
    var valid: Bool
    var userId: ID<Person>?
    var email: String?
    var organisationId: ID<Organisation>?
    var role: Role?
    var expiresAt: Instant?
    /// Why it is not good.
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
