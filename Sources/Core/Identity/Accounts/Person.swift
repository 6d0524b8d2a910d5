package import Modules

/// The owner of data, quota and money; accounts are members of organisations.
package struct Organisation {}

/// A person with an account.
package struct Person: Sendable {
    package let id: ID<Person>
    package let organisation: ID<Organisation>
    package let email: String
    package let username: String?
    package let fullName: String?
    package let firstName: String?
    package let lastName: String?
    package let phone: String?
    package let role: Role
    package let isEmailVerified: Bool
    /// Whether the account is suspended by an administrator or closed by its owner. It cannot be signed in to.
    package let isSuspended: Bool
    package let createdAt: Instant
    package let updatedAt: Instant
    let passwordHash: String
}

/// The role of an account, as routes require it.
package enum Role: String, Sendable, Codable, CaseIterable, SQLBindable, SQLReadable {
    case user, student, employee, professional, organizer
    case venueOwner = "venue_owner"
    case serviceProvider = "service_provider"
    case lab, developer, analyst, moderator, admin

    /// Whether it may be chosen at registration; the others are assigned by administrators.
    package var isOpenToAll: Bool {
        switch self {
        case .user, .student, .employee, .professional, .organizer, .venueOwner, .serviceProvider: true
        case .lab, .developer, .analyst, .moderator, .admin: false
        }
    }
}

extension Role {
    /// The permissions of this role beyond those of every account.
    var permissions: [String] {
        switch self {
        case .admin: ["admin", "analytics", "debug"]
        case .analyst: ["analytics"]
        case .developer: ["debug"]
        default: []
        }
    }
}

extension Person {
    /// The name in the salutation of e-mails; empty where no name is known.
    var callingName: String { firstName ?? fullName ?? "" }
    /// The full name, or else the user name or the address: never empty.
    var displayName: String { fullName ?? username ?? email }
}
