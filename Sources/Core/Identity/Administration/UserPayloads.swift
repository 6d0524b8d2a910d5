package import Modules

/// An account for administrators.
struct ManagedUser: Payload {
    var id: ID<Person>
    var email: String
    var username: String?
    var fullName: String?
    var role: Role
    var isActive: Bool
    var emailVerified: Bool
    var organisationId: ID<Organisation>
    var signInCount: Int64
    var createdAt: Instant
    var updatedAt: Instant
}

struct ManagedUsers: Payload {
    var users: [ManagedUser]
    var total: Int64
    var limit: Int
    var offset: Int

    var listTotal: Int64? { total }
}

/// The changes of an account by an administrator. Absent fields change nothing.
struct UserChange: Payload {
    var role: Role?
    var isActive: Bool?
    /// Replaces the password by a random one, revokes the API keys and sends an e-mail with a reset link.
    var forcePasswordReset: Bool?
    var endSessions: Bool?

    static let rules: [String: Rule] = ["role": .oneOf(Role.allCases.map(\.rawValue))]
}

extension Problem.Kind {
    package static let ownAccount = Self("own-account", "This cannot be done to your own account", status: 409)
    package static let lastAdministrator = Self("last-administrator", "This is the last administrator", status: 409)
}
