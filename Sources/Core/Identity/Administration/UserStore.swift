import Modules

// The SQL of account administration.
extension Transaction {
    func managedUsers(_ search: UserSearch) throws -> (users: [ManagedUser], total: Int64) {
        var condition: SQL = .always
        if let text = search.text {
            let literal = CanonicalText.key(of: text).replacing("\\", with: "\\\\").replacing("%", with: "\\%")
                .replacing("_", with: "\\_")
            let pattern = "%\(literal)%"
            condition = """
                \(condition) AND (people.email_key LIKE \(pattern) ESCAPE '\\'
                    OR people.username_key LIKE \(pattern) ESCAPE '\\'
                    OR LOWER(people.full_name) LIKE \(pattern) ESCAPE '\\')
                """
        }
        if let role = search.role { condition = "\(condition) AND people.role = \(role)" }
        if let isActive = search.isActive {
            condition =
                isActive
                ? "\(condition) AND people.suspended_at IS NULL AND people.closed_at IS NULL"
                : "\(condition) AND (people.suspended_at IS NOT NULL OR people.closed_at IS NOT NULL)"
        }
        let users = try all(
            """
            \(selectManagedUser) WHERE \(condition)
            ORDER BY people.created_at DESC, people.id DESC LIMIT \(search.limit) OFFSET \(search.offset)
            """,
            ManagedUser.init
        )
        return (users, try count(of: "people", where: condition))
    }

    func managedUser(_ id: ID<Person>) throws -> ManagedUser? {
        try first("\(selectManagedUser) WHERE people.id = \(id)", ManagedUser.init)
    }

    private var selectManagedUser: SQL {
        """
        SELECT people.id, people.email, people.username, people.full_name, people.role, people.suspended_at,
            people.closed_at, people.email_verified_at, people.created_at, people.updated_at,
            organisations.id AS organisation_id,
            (SELECT COUNT(*) FROM sessions
                WHERE sessions.person_id = people.id AND sessions.revoked_at IS NULL
                    AND sessions.expires_at > \(now)
                    AND sessions.last_used_at > \(now - Session.idleLifetime)) AS session_count
        FROM people JOIN organisations ON organisations.personal_of = people.id
        """
    }

    /// Locks the rows of all administrators until the transaction ends: of two concurrent transactions that demote each
    /// other's administrator only one succeeds.
    func lockAdministrators() throws {
        _ = try all("SELECT id FROM people WHERE role = \(Role.admin) ORDER BY id \(.forUpdate)")
    }

    /// Whether another active administrator than `person` exists who remains.
    func hasAdministrator(besides person: ID<Person>, _ succession: Succession = .requested) throws -> Bool {
        try first(
            """
            SELECT id FROM people
            WHERE role = \(Role.admin) AND suspended_at IS NULL AND id <> \(person)
                AND \(succession.remains("people.id")) LIMIT 1
            """
        ) != nil
    }

    /// - Returns: false when the person has that role already.
    func setRole(of id: ID<Person>, to role: Role) throws -> Bool {
        try execute("UPDATE people SET role = \(role), updated_at = \(now) WHERE id = \(id) AND role <> \(role)") == 1
    }

    func setPasswordHash(of id: ID<Person>, to hash: String) throws {
        try execute("UPDATE people SET password_hash = \(hash), updated_at = \(now) WHERE id = \(id)")
    }

    /// Inserts a session without a refresh token.
    func insertImpersonation(
        _ id: ID<Session>, of person: Person, by impersonator: ID<Person>, sealedKey: String, address: String
    ) throws {
        try execute(
            """
            INSERT INTO sessions (
                id, person_id, organisation_id, sealed_key, counter, rotated_at, last_used_at, created_at, expires_at,
                address, impersonator_id, method)
            VALUES (\(id), \(person.id), \(person.organisation), \(sealedKey), 0, \(now), \(now), \(now),
                    \(now + Impersonation.lifetime), \(address), \(impersonator), \(SignInMethod.impersonation))
            """
        )
    }

    /// Revokes the impersonations by an administrator, or those of a person.
    /// - Returns: the sessions that this call revoked.
    func revokeImpersonations(by impersonator: ID<Person>? = nil, of person: ID<Person>? = nil, because reason: String)
        throws -> [ID<Session>]
    {
        var condition: SQL = "impersonator_id IS NOT NULL AND revoked_at IS NULL AND expires_at > \(now)"
        if let impersonator { condition = "\(condition) AND impersonator_id = \(impersonator)" }
        if let person { condition = "\(condition) AND person_id = \(person)" }
        return try all(
            "UPDATE sessions SET revoked_at = \(now), revoked_because = \(reason) WHERE \(condition) RETURNING id"
        ) { try $0["id"] }
    }
}

extension ManagedUser {
    init(row: Row) throws {
        id = try row["id"]
        email = try row["email"]
        username = try row["username"]
        fullName = try row["full_name"]
        role = try row["role"]
        isActive =
            try row.read("suspended_at", as: Instant?.self) == nil && row.read("closed_at", as: Instant?.self) == nil
        emailVerified = try row.read("email_verified_at", as: Instant?.self) != nil
        organisationId = try row["organisation_id"]
        signInCount = try row["session_count"]
        createdAt = try row["created_at"]
        updatedAt = try row["updated_at"]
    }
}
