package import Modules

/// The body of work and money that accounts belong to; everything owned is owned by one.
package struct Organisation {}

/// Somebody with an account.
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
    /// Whether the account is shut out: suspended by an administrator, or closed by its owner. Nobody signs in to it.
    package let isSuspended: Bool
    package let createdAt: Instant
    package let updatedAt: Instant
    let passwordHash: String
}

/// What a person is, as far as doors care.
package enum Role: String, Sendable, Codable, CaseIterable, SQLBindable, SQLReadable {
    case user, student, employee, professional, organizer
    case venueOwner = "venue_owner"
    case serviceProvider = "service_provider"
    case lab, developer, analyst, moderator, admin

    /// Whether a person may choose it at registration; the others are only given.
    package var isOpenToAll: Bool {
        switch self {
        case .user, .student, .employee, .professional, .organizer, .venueOwner, .serviceProvider: true
        case .lab, .developer, .analyst, .moderator, .admin: false
        }
    }
}

extension Role {
    /// The parts of the service that are open to this role beyond what everybody may use.
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
    /// How a letter addresses them; empty where they did not say what they are called.
    var callingName: String { firstName ?? fullName ?? "" }
    /// What tells them from others: never empty.
    var displayName: String { fullName ?? username ?? email }
}
