import Modules
import Secrets

/// A place in an organisation, offered to whoever proves to own an address.
struct Invitation: Sendable {
    let id: ID<Invitation>
    let organisation: ID<Organisation>
    let email: String
    let emailKey: String
    let role: OrganisationRole
    let inviter: ID<Person>
    let createdAt: Instant
    let expiresAt: Instant

    static let lifetime: Duration = .days(7)

    /// What is kept of the token in the mail.
    static func hash(of token: String) -> String { Digest.hex(token) }
}

/// Every SQL statement about invitations.
extension Transaction {
    /// Writes an invitation in the place of an open one to the same address. The caller holds the organisation's lock.
    func insert(_ invitation: Invitation, tokenHash: String) throws {
        try execute(
            """
            UPDATE invitations SET revoked_at = \(now)
            WHERE organisation_id = \(invitation.organisation) AND email_key = \(invitation.emailKey) AND accepted_at IS NULL AND revoked_at IS NULL
            """
        )
        try execute(
            """
            INSERT INTO invitations (id, organisation_id, email, email_key, role, token_hash, invited_by, created_at, expires_at)
            VALUES (\(invitation.id), \(invitation.organisation), \(invitation.email), \(invitation.emailKey), \(invitation.role), \(tokenHash),
                    \(invitation.inviter), \(invitation.createdAt), \(invitation.expiresAt))
            """
        )
    }

    func countInvitations(of organisation: ID<Organisation>, since moment: Instant) throws -> Int64 {
        try count(
            "SELECT COUNT(*) AS count FROM invitations WHERE organisation_id = \(organisation) AND created_at > \(moment)"
        )
    }

    func openInvitations(of organisation: ID<Organisation>) throws -> [Invitation] {
        try all(
            Self.selectInvitation
                + "WHERE organisation_id = \(organisation) AND \(isOpen) ORDER BY created_at DESC, id DESC LIMIT 1000",
            Invitation.init
        )
    }

    /// The open invitation that a token is for, whatever organisation it is of: the token is the proof.
    func openInvitation(tokenHash: String) throws -> Invitation? {
        try first(Self.selectInvitation + "WHERE token_hash = \(tokenHash) AND \(isOpen)", Invitation.init)
    }

    /// Takes an invitation, once.
    func accept(_ id: ID<Invitation>, by person: ID<Person>) throws -> Bool {
        try execute(
            "UPDATE invitations SET accepted_at = \(now), accepted_by = \(person) WHERE id = \(id) AND \(isOpen)") == 1
    }

    func revoke(_ id: ID<Invitation>, of organisation: ID<Organisation>) throws -> Bool {
        try execute(
            "UPDATE invitations SET revoked_at = \(now) WHERE id = \(id) AND organisation_id = \(organisation) AND \(isOpen)"
        ) == 1
    }

    /// Whether somebody with this address belongs to the organisation.
    func hasMember(withAddress key: String, in organisation: ID<Organisation>) throws -> Bool {
        try first(
            """
            SELECT 1 AS one FROM memberships JOIN people ON people.id = memberships.person_id
            WHERE memberships.organisation_id = \(organisation) AND people.email_key = \(key)
            """
        ) != nil
    }

    /// The key of a person's address, if they have proved that it is theirs.
    func provedAddressKey(of person: ID<Person>) throws -> String? {
        try first("SELECT email_key FROM people WHERE id = \(person) AND email_verified_at IS NOT NULL") {
            try $0["email_key"]
        }
    }

    func nameOfOrganisation(_ id: ID<Organisation>) throws -> String? {
        try first("SELECT name FROM organisations WHERE id = \(id)") { try $0["name"] }
    }

    /// - Returns: how many were deleted.
    func pruneInvitations(endedBefore moment: Instant, atMost count: Int) throws -> Int {
        try execute(
            "DELETE FROM invitations WHERE id IN (SELECT id FROM invitations WHERE expires_at < \(moment) LIMIT \(count))"
        )
    }

    private var isOpen: SQL { "accepted_at IS NULL AND revoked_at IS NULL AND expires_at > \(now)" }

    private static var selectInvitation: SQL {
        "SELECT id, organisation_id, email, email_key, role, invited_by, created_at, expires_at FROM invitations "
    }
}

extension Invitation {
    init(row: Row) throws {
        id = try row["id"]
        organisation = try row["organisation_id"]
        email = try row["email"]
        emailKey = try row["email_key"]
        role = try row["role"]
        inviter = try row["invited_by"]
        createdAt = try row["created_at"]
        expiresAt = try row["expires_at"]
    }
}
