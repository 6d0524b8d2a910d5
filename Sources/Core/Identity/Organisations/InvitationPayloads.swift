import Modules

struct InvitationRequest: Payload {
    var email: String
    /// The default is `member`.
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

    var listTotal: Int64? { Int64(invitations.count) }
}

struct InvitationAcceptance: Payload {
    var token: String

    static let rules: [String: Rule] = ["token": .length(1...256)]
}
