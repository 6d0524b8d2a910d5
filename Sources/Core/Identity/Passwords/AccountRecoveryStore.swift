import Modules

/// The SQL of account recovery.
extension Transaction {
    /// Revokes a person's API keys, and those of other persons in the personal organisation.
    /// - Returns: how many were revoked.
    func revokeKeys(of person: Person, because reason: String) throws -> Int {
        try execute(
            """
            UPDATE api_keys SET revoked_at = \(now), revoked_because = \(reason)
            WHERE (person_id = \(person.id) OR organisation_id = \(person.organisation)) AND revoked_at IS NULL
            """
        )
    }

    /// Deletes the memberships of other persons in a personal organisation; their sessions return to their own. The
    /// caller holds the organisation's lock.
    /// - Returns: the persons who were members.
    func removeOtherMembers(ofPersonalOrganisationOf person: Person) throws -> [ID<Person>] {
        try execute(
            """
            UPDATE sessions
            SET organisation_id = (SELECT id FROM organisations WHERE personal_of = sessions.person_id)
            WHERE organisation_id = \(person.organisation) AND person_id <> \(person.id)
            """
        )
        return try all(
            """
            DELETE FROM memberships WHERE organisation_id = \(person.organisation) AND person_id <> \(person.id)
            RETURNING person_id
            """
        ) { try $0["person_id"] }
    }

    /// Revokes the open invitations that a person sent, and those to the personal organisation.
    func revokeInvitations(of person: Person) throws {
        try execute(
            """
            UPDATE invitations SET revoked_at = \(now)
            WHERE (invited_by = \(person.id) OR organisation_id = \(person.organisation))
                AND accepted_at IS NULL AND revoked_at IS NULL
            """
        )
    }

    /// Deletes a person's authenticator, confirmed or pending, with its recovery codes, and the known devices.
    func deleteSignInMeans(of person: ID<Person>) throws {
        try execute("DELETE FROM second_factors WHERE person_id = \(person)")
        try execute("DELETE FROM known_devices WHERE person_id = \(person)")
    }
}
