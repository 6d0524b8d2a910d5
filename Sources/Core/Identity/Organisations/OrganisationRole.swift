import Modules

/// A member's role in an organisation.
package enum OrganisationRole: String, Sendable, Codable, CaseIterable, SQLBindable, SQLReadable {
    case owner, admin, member

    /// Whether a member with this role may invite or remove members with the role `other`.
    func mayManage(_ other: OrganisationRole) -> Bool {
        switch self {
        case .owner: true
        case .admin: other == .member
        case .member: false
        }
    }
}
