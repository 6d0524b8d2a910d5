import Identity
import Modules

/// The SQL of the generic endpoints. The names of tables and columns are those that resources declare.
extension Transaction {
    /// A page of the rows that a caller may read, and their number.
    func page<R: Resource>(
        of _: R.Type, where condition: SQL, orderedBy order: SQL, limit: Int, offset: Int
    ) throws -> (rows: [ResourceRow<R>], total: Int64) {
        let rows = try all(
            "SELECT * FROM \(R.table) WHERE \(condition) ORDER BY \(order) LIMIT \(limit) OFFSET \(offset)",
            ResourceRow<R>.init)
        return (rows, try count("SELECT COUNT(*) AS count FROM \(R.table) WHERE \(condition)"))
    }

    /// A row of any organisation. The caller checks who may read it.
    func row<R: Resource>(_ id: ID<R.Subject>, of _: R.Type, where condition: SQL = "1 = 1") throws -> ResourceRow<R>? {
        try first("SELECT * FROM \(R.table) WHERE id = \(id) AND (\(condition))", ResourceRow<R>.init)
    }

    /// A row of any organisation, locked until the transaction ends. The caller checks who may change it.
    func lockedRow<R: Resource>(_ id: ID<R.Subject>, of _: R.Type) throws -> ResourceRow<R>? {
        try first("SELECT * FROM \(R.table) WHERE id = \(id) \(.forUpdate)", ResourceRow<R>.init)
    }

    /// - Throws: `too-many` where the organisation, which is locked, has as many rows as it may have.
    func requireRoom<R: Resource>(for _: R.Type, of organisation: ID<Organisation>) throws {
        let count = try count(
            """
            SELECT COUNT(*) AS count FROM (
                SELECT id FROM \(R.table) WHERE organisation_id = \(organisation)
                LIMIT \(MarketplaceLimits.rowsMax)) AS own
            """
        )
        guard count < MarketplaceLimits.rowsMax else {
            throw Problem(.tooMany, detail: "An organisation has at most \(MarketplaceLimits.rowsMax) of them.")
        }
    }

    /// - Returns: false where a row with the same key exists.
    func insert<R: Resource>(
        _ draft: ResourceDraft, as id: ID<R.Subject>, of _: R.Type, for scope: Scope
    ) throws -> Bool {
        let columns = draft.columns.sorted { $0.key < $1.key }
        let names = columns.map { SQL(trusted: ", \($0.key)") }.reduce("", +)
        let values = columns.map { ", \($0.value)" as SQL }.reduce("", +)
        return try execute(
            """
            INSERT INTO \(R.table) (id, organisation_id, person_id, created_at, updated_at\(names))
            VALUES (\(id), \(scope.organisation), \(scope.person), \(now), \(now)\(values))
            ON CONFLICT DO NOTHING
            """
        ) == 1
    }

    func update<R: Resource>(_ row: ResourceRow<R>, to draft: ResourceDraft) throws {
        let changes = draft.columns.sorted { $0.key < $1.key }.map { column in
            SQL(trusted: ", \(column.key) = ") + "\(column.value)"
        }.reduce("", +)
        try execute(
            """
            UPDATE \(R.table) SET updated_at = \(now)\(changes)
            WHERE id = \(row.id) AND organisation_id = \(row.organisation)
            """
        )
    }

    func delete<R: Resource>(_ row: ResourceRow<R>) throws {
        try execute("DELETE FROM \(R.table) WHERE id = \(row.id) AND organisation_id = \(row.organisation)")
    }
}
