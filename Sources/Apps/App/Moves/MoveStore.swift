import Modules

/// The SQL of a move: the catalogues of both engines.
extension Transaction {
    /// The tables of a SQLite database by their names, without virtual ones and their parts. A table without a unique
    /// key has an empty one.
    func movedTables() throws -> [String: MovedTable] {
        let columns = try all(
            """
            SELECT "table".name AS table_name, "column".name AS name, "column".type AS type,
                "column"."notnull" AS is_required, "column".pk AS key_position
            FROM pragma_table_list AS "table" JOIN pragma_table_info("table".name) AS "column"
            WHERE "table".schema = 'main' AND "table".type = 'table' AND "table".name NOT GLOB 'sqlite_*'
            ORDER BY "table".name, "column".cid
            """
        ) { row -> (table: String, column: MovedTable.Column, keyPosition: Int64) in
            let isRequired: Int64 = try row["is_required"]
            return (
                try row["table_name"],
                MovedTable.Column(
                    name: try row["name"], type: MovedTable.ValueType(sqlite: try row["type"]),
                    isNullable: isRequired == 0),
                try row["key_position"]
            )
        }
        let uniqueKeys = try uniqueKeys()
        return Dictionary(
            uniqueKeysWithValues: Dictionary(grouping: columns, by: \.table).map { name, columns in
                let primary = columns.filter { $0.keyPosition > 0 }.sorted { $0.keyPosition < $1.keyPosition }
                let key = primary.isEmpty ? uniqueKeys[name] ?? [] : primary.map(\.column.name)
                return (name, MovedTable(name: name, columns: columns.map(\.column), key: key))
            })
    }

    /// The columns of a unique index of each of SQLite's tables that has one without a condition and without NULL.
    private func uniqueKeys() throws -> [String: [String]] {
        let parts = try all(
            """
            SELECT "table".name AS table_name, "index".name AS index_name, part.name AS name,
                "column"."notnull" AS is_required
            FROM pragma_table_list AS "table" JOIN pragma_index_list("table".name) AS "index"
                JOIN pragma_index_info("index".name) AS part JOIN pragma_table_info("table".name) AS "column"
            WHERE "table".schema = 'main' AND "table".type = 'table' AND "index"."unique" = 1 AND "index".partial = 0
                AND "column".name = part.name
            ORDER BY "table".name, "index".seq, part.seqno
            """
        ) { row -> (table: String, index: String, column: String, isRequired: Int64) in
            (try row["table_name"], try row["index_name"], try row["name"], try row["is_required"])
        }
        return Dictionary(grouping: parts, by: \.table).compactMapValues { parts in
            Dictionary(grouping: parts, by: \.index).values.first { $0.allSatisfy { $0.isRequired == 1 } }?
                .map(\.column)
        }
    }

    /// The columns of the tables of PostgreSQL's current schema, by the name of the table, without those that the
    /// database computes, as SQLite's list is.
    func targetColumns() throws -> [String: [MovedTable.Column]] {
        let columns = try all(
            """
            SELECT tables.table_name, columns.column_name AS name, columns.data_type AS type, columns.is_nullable
            FROM information_schema.tables JOIN information_schema.columns USING (table_schema, table_name)
            WHERE tables.table_schema = current_schema() AND tables.table_type = 'BASE TABLE'
                AND columns.is_generated = 'NEVER'
            ORDER BY tables.table_name, columns.ordinal_position
            """
        ) { row -> (table: String, column: MovedTable.Column) in
            let (name, type): (String, String) = (try row["name"], try row["type"])
            return (
                try row["table_name"],
                MovedTable.Column(
                    name: name, type: try MovedTable.ValueType(postgres: type),
                    isNullable: try row["is_nullable"] == "YES")
            )
        }
        return Dictionary(grouping: columns, by: \.table).mapValues { $0.map(\.column) }
    }

    /// The foreign keys of PostgreSQL's current schema that are checked at the end of each statement.
    func targetForeignKeys() throws -> [ForeignKey] {
        try all(
            """
            SELECT pg_constraint.conname AS name, own.relname AS own, referenced.relname AS referenced
            FROM pg_constraint JOIN pg_namespace ON pg_namespace.oid = pg_constraint.connamespace
                JOIN pg_class own ON own.oid = pg_constraint.conrelid
                JOIN pg_class referenced ON referenced.oid = pg_constraint.confrelid
            WHERE pg_constraint.contype = 'f' AND NOT pg_constraint.condeferrable
                AND pg_namespace.nspname = current_schema()
            ORDER BY own.relname, pg_constraint.conname
            """
        ) { ForeignKey(name: try $0["name"], table: try $0["own"], referenced: try $0["referenced"]) }
    }

    /// Has foreign keys of PostgreSQL checked at the end of the transaction, or after each statement again.
    func setChecks(of keys: [ForeignKey], atEnd: Bool) throws {
        // Checks what was deferred: a table with checks to come cannot be altered.
        if !atEnd { try execute("SET CONSTRAINTS ALL IMMEDIATE") }
        for key in keys {
            let (table, name) = (MovedTable.quoted(key.table), MovedTable.quoted(key.name))
            let checks = atEnd ? "DEFERRABLE INITIALLY DEFERRED" : "NOT DEFERRABLE"
            try execute(SQL(trusted: "ALTER TABLE \(table) ALTER CONSTRAINT \(name) \(checks)"))
        }
    }

    /// - Throws: ``MoveFault`` where PostgreSQL's database cannot take the tables.
    func checkTarget() throws {
        let row = try first(
            """
            SELECT current_schema() AS schema, current_setting('server_encoding') AS encoding,
                (SELECT MIN(table_name) FROM information_schema.tables
                    WHERE table_schema = current_schema() AND table_type = 'BASE TABLE') AS found
            """)
        guard let schema = try row?["schema"] as String? else {
            throw MoveFault("The target's database has no schema of the connection's search_path.")
        }
        guard let encoding = try row?["encoding"] as String?, encoding == "UTF8" else {
            throw MoveFault(
                "The encoding of the target's database is not UTF8. Create one with `createdb --encoding=UTF8 "
                    + "--template=template0`.")
        }
        if let found = try row?["found"] as String? {
            throw MoveFault(
                """
                The schema \(schema) of the target's database has tables, such as \(found); an installation is moved \
                into an empty one. Create a database (createdb), or remove all that is in this one: DROP SCHEMA \
                \(schema) CASCADE; CREATE SCHEMA \(schema).
                """)
        }
    }

    /// Passes the rows of a query on PostgreSQL to `body`, in batches of the given numbers of rows.
    func forEachBatch(of query: SQL, rows: [Int], _ body: ([Row]) throws -> Void) throws {
        try execute("DECLARE moved NO SCROLL CURSOR FOR " + query)
        for count in rows { try body(try all(SQL(trusted: "FETCH FORWARD \(count) FROM moved"))) }
        try execute("CLOSE moved")
    }
}

extension MovedTable.ValueType {
    /// - Parameter sqlite: a type of a STRICT table.
    fileprivate init(sqlite: String) {
        self =
            switch sqlite.uppercased() {
            case "INTEGER", "INT": .integer
            case "REAL": .real
            default: .text
            }
    }

    /// - Throws: ``MoveFault`` for a type that SQLite has no counterpart of.
    fileprivate init(postgres: String) throws {
        switch postgres {
        case "bigint": self = .integer
        case "double precision": self = .real
        case "text": self = .text
        default: throw MoveFault("The target has a column of the type \(postgres), which is not of this version.")
        }
    }
}
