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
    /// Replaces the password by a random one, ends whatever the account was reached with, and sends an e-mail with a
    /// reset link.
    var forcePasswordReset: Bool?
    var endSessions: Bool?
    /// This or `mfa_code` is required for a role that cannot be chosen at registration and for `is_active: true`,
    /// unless the sign-in is younger than five minutes.
    var password: String?
    var mfaCode: String?

    static let rules: [String: Rule] = [
        "role": .oneOf(Role.allCases.map(\.rawValue)), "password": .length(1...1_024), "mfa_code": .length(1...64),
    ]
}

extension Problem.Kind {
    package static let ownAccount = Self("own-account", "This cannot be done to your own account", status: 409)
    package static let lastAdministrator = Self("last-administrator", "This is the last administrator", status: 409)
}
