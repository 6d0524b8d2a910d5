import Identity
import Modules

/// The SQL of free-form records. Every statement names the organisation.
extension Transaction {
    func insertRecord(
        _ id: ID<MarketplaceRecord>, _ kind: RecordKind, _ members: [String: JSONValue], for scope: Scope
    ) throws {
        try execute(
            """
            INSERT INTO marketplace_records (
                id, organisation_id, person_id, kind, data, text, created_at, updated_at)
            VALUES (\(id), \(scope.organisation), \(scope.person), \(kind), \(try StoredJSON.text(.object(members))),
                    \(MarketplaceRecord.searchText(of: .object(members))), \(now), \(now))
            """
        )
        try insertFields(of: id, members, of: scope.organisation)
    }

    func updateRecord(_ record: MarketplaceRecord, to members: [String: JSONValue]) throws {
        try execute(
            """
            UPDATE marketplace_records
            SET data = \(try StoredJSON.text(.object(members))),
                text = \(MarketplaceRecord.searchText(of: .object(members))), updated_at = \(now)
            WHERE id = \(record.id) AND organisation_id = \(record.organisation)
            """
        )
        try execute("DELETE FROM marketplace_record_fields WHERE record_id = \(record.id)")
        try insertFields(of: record.id, members, of: record.organisation)
    }

    private func insertFields(
        of record: ID<MarketplaceRecord>, _ members: [String: JSONValue], of organisation: ID<Organisation>
    ) throws {
        for (name, value) in MarketplaceRecord.fields(of: members) {
            try execute(
                """
                INSERT INTO marketplace_record_fields (record_id, organisation_id, name, value)
                VALUES (\(record), \(organisation), \(name), \(value))
                """
            )
        }
    }

    /// A record of any organisation. The caller checks who may read it.
    func record(_ id: ID<MarketplaceRecord>, _ kind: RecordKind, isLocked: Bool = false) throws -> MarketplaceRecord? {
        let lock: SQL = isLocked ? "\(.forUpdate)" : ""
        return try first(
            "SELECT * FROM marketplace_records WHERE id = \(id) AND kind = \(kind) \(lock)", MarketplaceRecord.init)
    }

    func deleteRecord(_ record: MarketplaceRecord) throws {
        try execute(
            "DELETE FROM marketplace_records WHERE id = \(record.id) AND organisation_id = \(record.organisation)")
    }

    /// - Throws: `too-many`.
    func requireRoomForRecord(_ kind: RecordKind, of organisation: ID<Organisation>) throws {
        let count = try count(
            """
            SELECT COUNT(*) AS count FROM (
                SELECT id FROM marketplace_records WHERE organisation_id = \(organisation) AND kind = \(kind)
                LIMIT \(MarketplaceLimits.rowsMax)) AS own
            """
        )
        guard count < MarketplaceLimits.rowsMax else {
            throw Problem(.tooMany, detail: "An organisation has at most \(MarketplaceLimits.rowsMax) of them.")
        }
    }

    /// A page of records, and the number of those that match.
    func records(
        _ kind: RecordKind, of organisation: ID<Organisation>, filters: RecordFilters.Proof, search: String?,
        sort: RecordSort.Proof, limit: Int, offset: Int
    ) throws -> (records: [MarketplaceRecord], total: Int64) {
        var condition: SQL = "marketplace_records.organisation_id = \(organisation) AND kind = \(kind)"
        for (name, value) in filters {
            condition =
                condition + """
                     AND EXISTS (SELECT 1 FROM marketplace_record_fields AS matching
                        WHERE matching.record_id = marketplace_records.id AND matching.name = \(name)
                            AND matching.value = \(value))
                    """
        }
        if let search {
            condition = condition + " AND text LIKE \(LikePattern(containing: search)) ESCAPE '\\'"
        }
        let direction: SQL = sort.isDescending ? "DESC" : "ASC"
        let (joined, key): (SQL, SQL) =
            if let member = sort.member {
                (
                    """
                    LEFT JOIN marketplace_record_fields AS sorted
                        ON sorted.record_id = marketplace_records.id AND sorted.name = \(member)
                    """, "COALESCE(sorted.value, '') \(direction),"
                )
            } else {
                ("", "marketplace_records.created_at \(direction),")
            }
        let records = try all(
            """
            SELECT marketplace_records.* FROM marketplace_records \(joined) WHERE \(condition)
            ORDER BY \(key) marketplace_records.id \(direction) LIMIT \(limit) OFFSET \(offset)
            """,
            MarketplaceRecord.init)
        return (records, try count("SELECT COUNT(*) AS count FROM marketplace_records WHERE \(condition)"))
    }
}
