import Modules

/// The SQL of accounts and their personal organisations.
extension Transaction {
    /// Inserts an account with its personal organisation.
    /// - Returns: false where the address or the user name belongs to another account.
    func insert(_ person: NewPerson) throws -> Bool {
        let isNew = try execute(
            """
            INSERT INTO people (id, email, email_key, username, username_key, full_name, first_name, last_name, phone,
                                student_id, employee_id, role, password_hash, email_verified_at, created_at, updated_at)
            VALUES (\(person.id), \(person.email.text), \(person.email.key), \(person.username),
                    \(person.username.map(CanonicalText.accountKey)), \(person.fullName), \(person.firstName),
                    \(person.lastName), \(person.phone), \(person.studentID), \(person.employeeID), \(person.role),
                    \(person.passwordHash), \(person.isEmailVerified ? now : nil), \(now), \(now))
            ON CONFLICT DO NOTHING
            """
        )
        guard isNew == 1 else { return false }
        try execute(
            """
            INSERT INTO organisations (id, name, personal_of, created_at)
            VALUES (\(person.organisation), \(person.organisationName), \(person.id), \(now))
            """
        )
        try execute(
            """
            INSERT INTO memberships (organisation_id, person_id, role, created_at)
            VALUES (\(person.organisation), \(person.id), 'owner', \(now))
            """
        )
        return true
    }

    func person(_ id: ID<Person>) throws -> Person? {
        try first(Self.selectPerson() + "WHERE people.id = \(id)", Person.init)
    }

    /// A person with their number of live sign-ins and their last sign-in, in one statement: one of the most frequent
    /// reads.
    func account(of id: ID<Person>) throws -> AccountRecord? {
        let sessions: SQL = """
            ,
                   (SELECT COUNT(*) FROM sessions WHERE person_id = people.id AND \(isLiveSession)) AS live_sessions,
                   (SELECT MAX(created_at) FROM sessions WHERE person_id = people.id) AS last_login_at
            """
        return try first(Self.selectPerson(with: sessions) + "WHERE people.id = \(id)") { row in
            AccountRecord(
                person: try Person(row: row), signIns: try row["live_sessions"], lastLogin: try row["last_login_at"])
        }
    }

    /// - Parameter key: ``CanonicalText/accountKey(of:)`` of an address or a user name.
    func person(named key: String) throws -> Person? {
        try first(Self.selectPerson() + "WHERE people.email_key = \(key) OR people.username_key = \(key)", Person.init)
    }

    /// A person whose row is locked until the transaction ends.
    func lockedPerson(_ id: ID<Person>) throws -> Person? {
        guard try first("SELECT id FROM people WHERE id = \(id) \(.forUpdate)") != nil else { return nil }
        return try person(id)
    }

    /// As ``lockedPerson(_:)``, by the key of an address.
    func lockedPerson(withAddress key: String) throws -> Person? {
        try first("SELECT id FROM people WHERE email_key = \(key) \(.forUpdate)") { try $0["id"] as ID<Person> }.flatMap
        { try person($0) }
    }

    /// Notes that the owner of an address gets a notice of a registration with it.
    /// - Returns: false where they got one within `interval`.
    func noteRegistrationNotice(to id: ID<Person>, interval: Duration) throws -> Bool {
        try execute(
            """
            UPDATE people SET registration_notice_at = \(now)
            WHERE id = \(id) AND (registration_notice_at IS NULL OR registration_notice_at <= \(now - interval))
            """
        ) == 1
    }

    /// - Returns: false for an account that does not exist or is suspended.
    func suspend(_ id: ID<Person>) throws -> Bool {
        try execute(
            "UPDATE people SET suspended_at = \(now), updated_at = \(now) WHERE id = \(id) AND suspended_at IS NULL")
            == 1
    }

    /// - Parameter more: further columns, with a comma before them.
    private static func selectPerson(with more: SQL = "") -> SQL {
        """
        SELECT people.id, people.email, people.username, people.full_name, people.first_name, people.last_name,
               people.phone, people.role, people.password_hash, people.email_verified_at, people.suspended_at,
               people.closed_at, people.created_at, people.updated_at, organisations.id AS organisation_id\(more)
        FROM people JOIN organisations ON organisations.personal_of = people.id

        """
    }
}

extension Person {
    init(row: Row) throws {
        id = try row["id"]
        organisation = try row["organisation_id"]
        email = try row["email"]
        username = try row["username"]
        fullName = try row["full_name"]
        firstName = try row["first_name"]
        lastName = try row["last_name"]
        phone = try row["phone"]
        role = try row["role"]
        passwordHash = try row["password_hash"]
        isEmailVerified = try row.read("email_verified_at", as: Instant?.self) != nil
        isSuspended =
            try row.read("suspended_at", as: Instant?.self) != nil || row.read("closed_at", as: Instant?.self) != nil
        createdAt = try row["created_at"]
        updatedAt = try row["updated_at"]
    }
}

/// The values of a new account and its personal organisation.
struct NewPerson: Sendable {
    let id: ID<Person>
    let organisation: ID<Organisation>
    let organisationName: String
    let email: EmailAddress
    var username: String?
    let fullName: String?
    let firstName: String?
    let lastName: String?
    let phone: String?
    let studentID: String?
    let employeeID: String?
    let role: Role
    let passwordHash: String
    let isEmailVerified: Bool
}
