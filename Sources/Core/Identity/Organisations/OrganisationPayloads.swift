import Modules

struct NameOrganisation: Payload {
    var name: String

    static let rules: [String: Rule] = ["name": .length(1...100)]
}

struct OrganisationView: Payload {
    var id: ID<Organisation>
    var name: String
    /// What the caller is in it.
    var role: OrganisationRole
    /// Whether it is the caller's own, made with their account.
    var isPersonal: Bool
    var createdAt: Instant

    init(row: Row, for person: ID<Person>) throws {
        id = try row["id"]
        name = try row["name"]
        role = try row["role"]
        isPersonal = try row.read("personal_of", as: String?.self) == person.text
        createdAt = try row["created_at"]
    }
}

struct OrganisationList: Payload {
    var organisations: [OrganisationView]
}

struct MemberView: Payload {
    var userId: ID<Person>
    var email: String
    var fullName: String?
    var role: OrganisationRole
    var joinedAt: Instant

    init(row: Row) throws {
        userId = try row["id"]
        email = try row["email"]
        fullName = try row["full_name"]
        role = try row["role"]
        joinedAt = try row["created_at"]
    }
}

struct MemberPage: Payload {
    var members: [MemberView]
    var total: Int64
    var limit: Int
    var offset: Int
}

struct ChangeMember: Payload {
    var role: OrganisationRole
}

struct Invite: Payload {
    var email: String
    /// `member` unless given.
    var role: OrganisationRole?

    static let rules: [String: Rule] = ["email": .length(3...254)]
}

struct InvitationView: Payload {
    var id: ID<Invitation>
    var email: String
    var role: OrganisationRole
    var invitedBy: ID<Person>
    var createdAt: Instant
    var expiresAt: Instant

    init(_ invitation: Invitation) {
        id = invitation.id
        email = invitation.email
        role = invitation.role
        invitedBy = invitation.inviter
        createdAt = invitation.createdAt
        expiresAt = invitation.expiresAt
    }
}

struct InvitationList: Payload {
    var invitations: [InvitationView]
}

struct AcceptInvitation: Payload {
    var token: String

    static let rules: [String: Rule] = ["token": .length(1...256)]
}

struct SwitchOrganisation: Payload {
    var organisationId: ID<Organisation>
}

/// An access token for another organisation; the refresh token stays as it is.
struct Switched: Payload {
    var accessToken: String
    var tokenType = "bearer"
    var expiresIn: Int
    var csrfToken: String
    var organisationId: ID<Organisation>
}
