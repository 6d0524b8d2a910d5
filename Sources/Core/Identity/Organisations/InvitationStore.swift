package import Modules

// The SQL of invitations.
extension Transaction {
    /// Inserts an invitation and revokes an open one to the same address. The caller holds the organisation's lock.
    func insert(_ invitation: Invitation, tokenHash: String) throws {
        try execute(
            """
            UPDATE invitations SET revoked_at = \(now)
            WHERE organisation_id = \(invitation.organisation) AND email_key = \(invitation.emailKey)
                AND accepted_at IS NULL AND revoked_at IS NULL
            """
        )
        try execute(
            """
            INSERT INTO invitations (
                id, organisation_id, email, email_key, recipient_key, role, token_hash, invited_by, created_at,
                expires_at)
            VALUES (\(invitation.id), \(invitation.organisation), \(invitation.email), \(invitation.emailKey),
                    \(MailRecipient(of: invitation.emailKey).key), \(invitation.role), \(tokenHash),
                    \(invitation.inviter), \(invitation.createdAt), \(invitation.expiresAt))
            """
        )
    }

    func countInvitations(of organisation: ID<Organisation>, since moment: Instant) throws -> Int64 {
        try count(
            """
            SELECT COUNT(*) AS count FROM invitations
            WHERE organisation_id = \(organisation) AND created_at > \(moment)
            """
        )
    }

    /// The invitations that a person sent, from any organisation.
    func countInvitations(by person: ID<Person>, since moment: Instant) throws -> Int64 {
        try count(
            "SELECT COUNT(*) AS count FROM invitations WHERE invited_by = \(person) AND created_at > \(moment)")
    }

    /// The invitations that a recipient was sent, from any organisation. The caller holds the recipient's lock.
    func countInvitations(to recipient: MailRecipient, since moment: Instant) throws -> Int64 {
        try count(
            """
            SELECT COUNT(*) AS count FROM invitations
            WHERE recipient_key = \(recipient.key) AND created_at > \(moment)
            """
        )
    }

    /// Revokes the open invitations of an organisation that is deleted, and removes the reference of all to it. They
    /// still count for their senders and recipients.
    func detachInvitations(from organisation: ID<Organisation>) throws {
        try execute(
            """
            UPDATE invitations
            SET organisation_id = NULL,
                revoked_at = CASE WHEN accepted_at IS NULL THEN COALESCE(revoked_at, \(now)) END
            WHERE organisation_id = \(organisation)
            """
        )
    }

    /// The newest 1,000 open invitations, newest first.
    func openInvitations(of organisation: ID<Organisation>) throws -> [Invitation] {
        try all(
            Self.selectInvitation
                + "WHERE organisation_id = \(organisation) AND \(isOpen) ORDER BY created_at DESC, id DESC LIMIT 1000",
            Invitation.init
        )
    }

    /// The open invitation of a token, in any organisation: the token is the credential.
    func openInvitation(tokenHash: String) throws -> Invitation? {
        try first(Self.selectInvitation + "WHERE token_hash = \(tokenHash) AND \(isOpen)", Invitation.init)
    }

    /// - Returns: false for an invitation that is not open.
    func accept(_ id: ID<Invitation>, by person: ID<Person>) throws -> Bool {
        try execute(
            "UPDATE invitations SET accepted_at = \(now), accepted_by = \(person) WHERE id = \(id) AND \(isOpen)") == 1
    }

    /// - Returns: false for an invitation that is not open.
    func revoke(_ id: ID<Invitation>, of organisation: ID<Organisation>) throws -> Bool {
        try execute(
            """
            UPDATE invitations SET revoked_at = \(now)
            WHERE id = \(id) AND organisation_id = \(organisation) AND \(isOpen)
            """
        ) == 1
    }

    /// Revokes the open invitations that a person sent.
    /// - Parameter organisation: nil for those of every organisation.
    /// - Returns: the invitations that this call revoked.
    @discardableResult
    func revokeInvitations(by person: ID<Person>, in organisation: ID<Organisation>? = nil) throws -> [ID<Invitation>] {
        let condition: SQL = if let organisation { "AND organisation_id = \(organisation)" } else { "" }
        return try all(
            """
            UPDATE invitations SET revoked_at = \(now)
            WHERE invited_by = \(person) \(condition) AND accepted_at IS NULL AND revoked_at IS NULL RETURNING id
            """
        ) { try $0["id"] }
    }

    /// Whether a member of the organisation has the address whose key is given.
    func hasMember(withAddress key: String, in organisation: ID<Organisation>) throws -> Bool {
        try first(
            """
            SELECT 1 AS one FROM memberships JOIN people ON people.id = memberships.person_id
            WHERE memberships.organisation_id = \(organisation) AND people.email_key = \(key)
            """
        ) != nil
    }

    /// The key of a person's e-mail address; nil while it is not verified.
    func verifiedAddressKey(of person: ID<Person>) throws -> String? {
        try first("SELECT email_key FROM people WHERE id = \(person) AND email_verified_at IS NOT NULL") {
            try $0["email_key"]
        }
    }

    package func nameOfOrganisation(_ id: ID<Organisation>) throws -> String? {
        try first("SELECT name FROM organisations WHERE id = \(id)") { try $0["name"] }
    }

    /// Deletes invitations that expired before `moment`.
    /// - Returns: the number of deleted rows.
    func pruneInvitations(expiredBefore moment: Instant, atMost count: Int) throws -> Int {
        try execute(
            """
            DELETE FROM invitations WHERE id IN (
                SELECT id FROM invitations WHERE expires_at < \(moment) LIMIT \(count))
            """
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
