import Modules

struct InvitationRequest: Payload {
    var email: String
    /// The default is `member`.
    var role: OrganisationRole?
    /// This or `mfa_code` is required for the roles `owner` and `admin` and for a personal organisation, unless the
    /// sign-in is younger than five minutes.
    var password: String?
    var mfaCode: String?

    static let rules: [String: Rule] = [
        "email": .length(3...254), "password": .length(1...1_024), "mfa_code": .length(1...64),
    ]
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
