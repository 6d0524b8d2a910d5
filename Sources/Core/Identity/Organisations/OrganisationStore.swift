import Modules

/// Every SQL statement about organisations and who belongs to them.
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

    /// Takes the organisation's row until the transaction ends: whatever counts its members comes one after the other.
    /// - Returns: false where there is no such organisation.
    func lock(_ organisation: ID<Organisation>) throws -> Bool {
        try first("SELECT id FROM organisations WHERE id = \(organisation) \(.forUpdate)") != nil
    }

    /// Writes an organisation with its first owner, unless that person belongs to as many as anybody may.
    func insertOrganisation(_ id: ID<Organisation>, name: DisplayName, owner: ID<Person>) throws -> Bool {
        guard try hasRoomForAnotherOrganisation(owner) else { return false }
        try execute("INSERT INTO organisations (id, name, created_at) VALUES (\(id), \(name.text), \(now))")
        return try insertMember(owner, of: id, role: .owner)
    }

    /// The person's row serialises those who would each see room for one more.
    func hasRoomForAnotherOrganisation(_ person: ID<Person>) throws -> Bool {
        guard try first("SELECT id FROM people WHERE id = \(person) \(.forUpdate)") != nil else { return false }
        return try count("SELECT COUNT(*) AS count FROM memberships WHERE person_id = \(person)")
            < OrganisationLimits.perPerson
    }

    /// - Returns: false for somebody who belongs to it already.
    func insertMember(_ person: ID<Person>, of organisation: ID<Organisation>, role: OrganisationRole) throws -> Bool {
        try execute(
            """
            INSERT INTO memberships (organisation_id, person_id, role, created_at) VALUES (\(organisation), \(person), \(role), \(now))
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

    func members(of organisation: ID<Organisation>, limit: Int, offset: Int) throws -> [MemberView] {
        try all(
            """
            SELECT people.id, people.email, people.full_name, memberships.role, memberships.created_at
            FROM memberships JOIN people ON people.id = memberships.person_id
            WHERE memberships.organisation_id = \(organisation) ORDER BY memberships.created_at, people.id LIMIT \(limit) OFFSET \(offset)
            """,
            MemberView.init
        )
    }

    func countMembers(of organisation: ID<Organisation>) throws -> Int64 {
        try count("SELECT COUNT(*) AS count FROM memberships WHERE organisation_id = \(organisation)")
    }

    /// Changes a role, unless that left the organisation without an owner, or a person without their own. The caller holds its lock.
    func setRole(of person: ID<Person>, in organisation: ID<Organisation>, to role: OrganisationRole) throws -> Bool {
        try execute(
            """
            UPDATE memberships SET role = \(role)
            WHERE organisation_id = \(organisation) AND person_id = \(person)
                AND (role <> 'owner' OR \(role) = 'owner' OR \(Self.isSpared(person, in: organisation)))
            """
        ) == 1
    }

    /// Takes a member out, unless that left the organisation without an owner, or a person without their own. The caller holds its lock.
    func deleteMember(_ person: ID<Person>, of organisation: ID<Organisation>) throws -> Bool {
        try execute(
            """
            DELETE FROM memberships
            WHERE organisation_id = \(organisation) AND person_id = \(person) AND (role <> 'owner' OR \(Self.isSpared(person, in: organisation)))
            """
        ) == 1
    }

    /// An owner can be spared where there is another, in an organisation that is not their own.
    private static func isSpared(_ person: ID<Person>, in organisation: ID<Organisation>) -> SQL {
        """
        (EXISTS (SELECT 1 FROM memberships AS others WHERE others.organisation_id = \(organisation) AND others.person_id <> \(person) AND others.role = 'owner')
            AND NOT EXISTS (SELECT 1 FROM organisations WHERE organisations.id = \(organisation) AND organisations.personal_of = \(person)))
        """
    }

    /// Sends the sessions of somebody who left back to their own organisation: what they refresh from now on is for that.
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
            UPDATE sessions SET organisation_id = \(organisation) WHERE id = \(id) AND person_id = \(person) AND revoked_at IS NULL
            """
        ) == 1
    }

    /// Deletes an organisation that is nobody's own and whose only member is `owner`, with what identity keeps of it. What any other part
    /// of the system keeps of it stands in the way by its foreign key.
    func deleteOrganisation(_ id: ID<Organisation>, owner: ID<Person>) throws -> Bool {
        guard try first("SELECT id FROM organisations WHERE id = \(id) AND personal_of IS NULL") != nil,
            try countMembers(of: id) == 1
        else { return false }
        try execute("DELETE FROM api_keys WHERE organisation_id = \(id)")
        try execute("DELETE FROM invitations WHERE organisation_id = \(id)")
        try execute(
            """
            UPDATE sessions SET organisation_id = (SELECT id FROM organisations WHERE personal_of = sessions.person_id) WHERE organisation_id = \(id)
            """
        )
        guard
            try execute(
                "DELETE FROM memberships WHERE organisation_id = \(id) AND person_id = \(owner) AND role = 'owner'")
                == 1
        else { return false }
        return try execute("DELETE FROM organisations WHERE id = \(id)") == 1
    }

    private static func selectOrganisation(for person: ID<Person>) -> SQL {
        """
        SELECT organisations.id, organisations.name, organisations.personal_of, organisations.created_at, memberships.role
        FROM memberships JOIN organisations ON organisations.id = memberships.organisation_id
        WHERE memberships.person_id = \(person)

        """
    }
}

/// How much there may be of what members can make.
enum OrganisationLimits {
    /// Organisations that one person belongs to.
    static let perPerson: Int64 = 50
    static let members: Int64 = 500
    /// Invitations that one organisation sends in a day.
    static let invitationsPerDay: Int64 = 100
}
