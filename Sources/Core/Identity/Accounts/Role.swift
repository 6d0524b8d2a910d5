import Modules

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
