import Modules

// The SQL of organisations and memberships.
extension Transaction {
    func membership(of person: ID<Person>, in organisation: ID<Organisation>) throws -> Membership? {
        try first(
            """
            SELECT memberships.role, organisations.personal_of
            FROM memberships JOIN organisations ON organisations.id = memberships.organisation_id
            WHERE memberships.organisation_id = \(organisation) AND memberships.person_id = \(person)
            """
        ) { row in
            Membership(role: try row["role"], isPersonal: try row.read("personal_of", as: String?.self) == person.text)
        }
    }

    /// Whether an organisation is the personal one of an account.
    func isPersonal(_ organisation: ID<Organisation>) throws -> Bool {
        try first("SELECT id FROM organisations WHERE id = \(organisation) AND personal_of IS NOT NULL") != nil
    }

    /// Locks the organisation's row until the transaction ends, which serialises transactions that count its members.
    /// Transactions that insert rows of the organisation do not wait: they may hold what this one locks next.
    /// - Returns: false for an organisation that does not exist.
    func lock(_ organisation: ID<Organisation>) throws -> Bool {
        try first("SELECT id FROM organisations WHERE id = \(organisation) \(.forNoKeyUpdate)") != nil
    }

    /// Inserts an organisation with its first owner.
    /// - Returns: false when the person has reached the limit of organisations.
    func insertOrganisation(_ id: ID<Organisation>, name: DisplayName, owner: ID<Person>) throws -> Bool {
        guard try mayJoinAnotherOrganisation(owner) else { return false }
        try execute("INSERT INTO organisations (id, name, created_at) VALUES (\(id), \(name.text), \(now))")
        return try insertMember(owner, of: id, role: .owner)
    }

    /// Whether the person is below the limit of organisations. Locks the person's row, which serialises concurrent
    /// checks.
    func mayJoinAnotherOrganisation(_ person: ID<Person>) throws -> Bool {
        guard try first("SELECT id FROM people WHERE id = \(person) \(.forUpdate)") != nil else { return false }
        return try count("SELECT COUNT(*) AS count FROM memberships WHERE person_id = \(person)")
            < OrganisationLimits.perPerson
    }

    /// - Returns: false for a person who is a member already.
    func insertMember(_ person: ID<Person>, of organisation: ID<Organisation>, role: OrganisationRole) throws -> Bool {
        try execute(
            """
            INSERT INTO memberships (organisation_id, person_id, role, created_at)
            VALUES (\(organisation), \(person), \(role), \(now))
            ON CONFLICT DO NOTHING
            """
        ) == 1
    }

    func organisations(of person: ID<Person>) throws -> [OrganisationView] {
        try all(Self.selectOrganisation(for: person) + "ORDER BY memberships.created_at, organisations.id") {
            try OrganisationView(row: $0, for: person)
        }
    }

    func organisation(_ id: ID<Organisation>, for person: ID<Person>) throws -> OrganisationView? {
        try first(Self.selectOrganisation(for: person) + "AND organisations.id = \(id)") {
            try OrganisationView(row: $0, for: person)
        }
    }

    func rename(_ organisation: ID<Organisation>, to name: DisplayName) throws {
        try execute("UPDATE organisations SET name = \(name.text) WHERE id = \(organisation)")
    }

    func member(withAddress address: String, of organisation: ID<Organisation>) throws -> ID<Person>? {
        try first(
            """
            SELECT people.id FROM people JOIN memberships ON memberships.person_id = people.id
            WHERE people.email_key = \(CanonicalText.accountKey(of: address))
                AND memberships.organisation_id = \(organisation)
            """
        ) { try $0["id"] }
    }

    func members(of organisation: ID<Organisation>, limit: Int, offset: Int) throws -> [MemberView] {
        try all(
            """
            SELECT people.id, people.email, people.full_name, memberships.role, memberships.created_at
            FROM memberships JOIN people ON people.id = memberships.person_id
            WHERE memberships.organisation_id = \(organisation)
            ORDER BY memberships.created_at, people.id LIMIT \(limit) OFFSET \(offset)
            """,
            MemberView.init
        )
    }

    func countMembers(of organisation: ID<Organisation>) throws -> Int64 {
        try count("SELECT COUNT(*) AS count FROM memberships WHERE organisation_id = \(organisation)")
    }

    /// Changes a role. The caller holds the organisation's lock.
    /// - Returns: false when the organisation would have no owner, and for the owner of a personal organisation.
    func setRole(of person: ID<Person>, in organisation: ID<Organisation>, to role: OrganisationRole) throws -> Bool {
        try execute(
            """
            UPDATE memberships SET role = \(role)
            WHERE organisation_id = \(organisation) AND person_id = \(person)
                AND (role <> 'owner' OR \(role) = 'owner' OR \(Self.canLoseOwner(person, in: organisation)))
            """
        ) == 1
    }

    /// Deletes a membership. The caller holds the organisation's lock.
    /// - Returns: false when the organisation would have no owner, and for the owner of a personal organisation.
    func deleteMember(_ person: ID<Person>, of organisation: ID<Organisation>) throws -> Bool {
        try execute(
            """
            DELETE FROM memberships
            WHERE organisation_id = \(organisation) AND person_id = \(person)
                AND (role <> 'owner' OR \(Self.canLoseOwner(person, in: organisation)))
            """
        ) == 1
    }

    /// True where another owner exists who remains, and the organisation is not the personal one of `person`.
    private static func canLoseOwner(_ person: ID<Person>, in organisation: ID<Organisation>) -> SQL {
        """
        (EXISTS (
            SELECT 1 FROM memberships AS others
            WHERE others.organisation_id = \(organisation) AND others.person_id <> \(person) AND others.role = 'owner'
                AND \(Succession.requested.remains("others.person_id")))
        AND NOT EXISTS (
            SELECT 1 FROM organisations
            WHERE organisations.id = \(organisation) AND organisations.personal_of = \(person)))
        """
    }

    /// Moves a person's sessions from an organisation to their personal one, for which the next refresh issues tokens.
    func returnSessions(of person: ID<Person>, from organisation: ID<Organisation>) throws {
        try execute(
            """
            UPDATE sessions SET organisation_id = (SELECT id FROM organisations WHERE personal_of = \(person))
            WHERE person_id = \(person) AND organisation_id = \(organisation)
            """
        )
    }

    func moveSession(_ id: ID<Session>, of person: ID<Person>, to organisation: ID<Organisation>) throws -> Bool {
        try execute(
            """
            UPDATE sessions SET organisation_id = \(organisation)
            WHERE id = \(id) AND person_id = \(person) AND revoked_at IS NULL
            """
        ) == 1
    }

    /// Deletes an organisation with its API keys, revokes its invitations, and moves its sessions to the personal
    /// organisations of their persons. Rows of other modules prevent the deletion by their foreign keys.
    /// - Returns: false for a personal organisation, and where `owner` is not the only member and its owner.
    /// - Throws: a `StorageError` of the kind `reference` for rows of other modules.
    func deleteOrganisation(_ id: ID<Organisation>, owner: ID<Person>) throws -> Bool {
        guard try first("SELECT id FROM organisations WHERE id = \(id) AND personal_of IS NULL") != nil,
            try countMembers(of: id) == 1
        else { return false }
        try execute("DELETE FROM api_keys WHERE organisation_id = \(id)")
        try detachInvitations(from: id)
        try execute(
            """
            UPDATE sessions
            SET organisation_id = (SELECT id FROM organisations WHERE personal_of = sessions.person_id)
            WHERE organisation_id = \(id)
            """
        )
        guard
            try execute(
                "DELETE FROM memberships WHERE organisation_id = \(id) AND person_id = \(owner) AND role = 'owner'")
                == 1
        else { return false }
        return try execute("DELETE FROM organisations WHERE id = \(id)") == 1
    }

    /// The owners whose accounts are neither suspended nor closed, in the order in which they became members.
    func owners(of organisation: ID<Organisation>, limit: Int) throws -> [ID<Person>] {
        try all(
            """
            SELECT memberships.person_id FROM memberships JOIN people ON people.id = memberships.person_id
            WHERE memberships.organisation_id = \(organisation) AND memberships.role = 'owner'
                AND people.suspended_at IS NULL AND people.closed_at IS NULL
            ORDER BY memberships.created_at, memberships.person_id LIMIT \(limit)
            """
        ) { try $0["person_id"] }
    }

    private static func selectOrganisation(for person: ID<Person>) -> SQL {
        """
        SELECT organisations.id, organisations.name, organisations.personal_of, organisations.created_at,
            memberships.role
        FROM memberships JOIN organisations ON organisations.id = memberships.organisation_id
        WHERE memberships.person_id = \(person)

        """
    }
}
