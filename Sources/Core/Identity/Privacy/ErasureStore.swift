import Modules

// The SQL of erasures.
extension Transaction {
    /// - Returns: false when the person has a scheduled erasure already.
    func insertErasure(_ id: ID<Erasure>, of person: ID<Person>) throws -> Bool {
        try execute(
            """
            INSERT INTO privacy_erasures (id, person_id, requested_at, due_at)
            VALUES (\(id), \(person), \(now), \(now + Erasure.grace)) ON CONFLICT DO NOTHING
            """
        ) == 1
    }

    func erasure(of person: ID<Person>) throws -> Erasure? {
        try first(Self.selectErasure + "WHERE person_id = \(person)", Erasure.init)
    }

    /// The erasure, locked.
    func erasure(_ id: ID<Erasure>) throws -> Erasure? {
        try first(Self.selectErasure + "WHERE id = \(id) \(.forUpdate)", Erasure.init)
    }

    func dueErasures(limit: Int) throws -> [ID<Erasure>] {
        try all("SELECT id FROM privacy_erasures WHERE due_at <= \(now) ORDER BY due_at LIMIT \(limit)") {
            try $0["id"]
        }
    }

    /// - Returns: false when no erasure is scheduled, or when it has begun.
    func cancelErasure(of person: ID<Person>) throws -> Bool {
        try execute("DELETE FROM privacy_erasures WHERE person_id = \(person) AND begun_at IS NULL") == 1
    }

    func beginErasure(_ id: ID<Erasure>) throws {
        try execute("UPDATE privacy_erasures SET begun_at = \(now) WHERE id = \(id) AND begun_at IS NULL")
    }

    func postponeErasure(_ id: ID<Erasure>, by duration: Duration) throws {
        try execute("UPDATE privacy_erasures SET due_at = \(now + duration) WHERE id = \(id) AND begun_at IS NULL")
    }

    /// A person with the organisations that have no other member.
    func dataSubject(_ person: ID<Person>) throws -> DataSubject {
        let organisations: [ID<Organisation>] = try all(
            """
            SELECT mine.organisation_id FROM memberships AS mine
            WHERE mine.person_id = \(person)
                AND NOT EXISTS (
                    SELECT 1 FROM memberships AS others
                    WHERE others.organisation_id = mine.organisation_id AND others.person_id <> \(person))
            ORDER BY mine.organisation_id
            """
        ) { try $0["organisation_id"] }
        return DataSubject(person: person, organisations: organisations)
    }

    private static var selectErasure: SQL {
        "SELECT id, person_id, requested_at, due_at, begun_at FROM privacy_erasures\n"
    }
}

extension Erasure {
    init(row: Row) throws {
        id = try row["id"]
        person = try row["person_id"]
        requestedAt = try row["requested_at"]
        dueAt = try row["due_at"]
        begunAt = try row["begun_at"]
    }
}
