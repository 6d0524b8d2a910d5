import Modules
import StorageSQLite

/// What a move does in the one transaction of its target: the schema, the rows and their comparison.
struct MoveTransaction: Sendable {
    private let source: SQLiteSource
    private let onProgress: @Sendable (MoveProgress) -> Void
    private let tables: [String: MovedTable]
    /// The rows of each table in the source, by count.
    private let counts: [String: Int]

    /// Of a batch, whichever comes first: the rows of ``MovedTable/batchRowsMax``, or this.
    private static let batchBytesMax = 4 << 20

    /// - Parameter path: of the source.
    /// - Throws: ``MoveFault`` or `MigrationFault` for a source that has not the schema of this version.
    init(
        from source: SQLiteSource, at path: String, onProgress: @escaping @Sendable (MoveProgress) -> Void
    ) throws {
        (self.source, self.onProgress) = (source, onProgress)
        (tables, counts) = try source.read { transaction in
            let tables = try transaction.movedTables()
            guard tables["schema_migrations"] != nil else { throw MoveFault("\(path) is no database of gatehouse.") }
            guard try Migrator(allMigrations).missing(in: transaction).isEmpty else {
                throw MoveFault(
                    "The schema of \(path) is of an older version. `gatehouse migrate` migrates it; then move it.")
            }
            return (tables, try tables.mapValues { Int(try transaction.count($0.count)) })
        }
    }

    /// Runs again from the start where the transaction is tried again.
    /// - Throws: ``MoveFault`` where the target is not empty, or its rows are not those of the source.
    func run(in transaction: Transaction) throws -> MoveOutcome {
        try transaction.checkTarget()
        try Migrator(allMigrations).apply(in: transaction)
        let names = try targetTables(in: transaction)
        let keys = try transaction.targetForeignKeys()
        let order = keys.order(names)
        let forward = keys.forward(in: order)
        try transaction.setChecks(of: forward, atEnd: true)
        let ordered = order.compactMap { tables[$0] }
        // Some migrations insert rows, which the source has changed since.
        for table in ordered.reversed() { try transaction.execute(table.deletion) }
        for table in ordered { try move(table, in: transaction) }
        try transaction.setChecks(of: forward, atEnd: false)
        // Plans of empty tables would be used until the server analyses them by itself.
        for table in ordered { try transaction.execute(table.analysis) }
        return MoveOutcome(
            tables: ordered.count, rows: ordered.reduce(0) { $0 + (counts[$1.name] ?? 0) },
            leftTables: Set(tables.keys).subtracting(names).sorted())
    }

    /// The tables of the target's schema, each of which has the same columns in the source.
    private func targetTables(in transaction: Transaction) throws -> [String] {
        let columns = try transaction.targetColumns()
        for (name, columns) in columns {
            guard let table = tables[name], table.columns == columns, !table.key.isEmpty else {
                let names = Set(tables[name]?.columns.map(\.name) ?? []).symmetricDifference(columns.map(\.name))
                throw MoveFault(
                    "The table \(name) of the source differs from that of this version on PostgreSQL"
                        + (names.isEmpty ? "." : " in the columns \(names.sorted().joined(separator: ", "))."))
            }
        }
        return columns.keys.sorted()
    }

    private func move(_ table: MovedTable, in transaction: Transaction) throws {
        let total = counts[table.name] ?? 0
        func report(_ step: MoveProgress.Step, _ rows: Int) {
            onProgress(MoveProgress(step: step, table: table.name, rows: rows, total: total))
        }
        var (copied, batches, digest): (Int, [Int], TableDigest) = (0, [], TableDigest())
        try source.forEachBatch(
            of: table.selection(for: .sqlite), rowsMax: table.batchRowsMax, bytesMax: Self.batchBytesMax
        ) { rows in
            digest.add(rows)
            try insert(rows, into: table, transaction)
            batches.append(rows.count)
            copied += rows.count
            report(.copying, copied)
        }
        let count = Int(try transaction.count(table.count))
        guard count == total else {
            throw MoveFault(
                "The table \(table.name) has \(total) rows in the source and \(count) in the target. Nothing was moved."
            )
        }
        var (compared, targetDigest) = (0, TableDigest())
        // Batches of the same rows have the same size.
        try transaction.forEachBatch(of: table.selection(for: .postgres), rows: batches) { rows in
            targetDigest.add(rows)
            compared += rows.count
            report(.comparing, compared)
        }
        guard digest.hex() == targetDigest.hex() else {
            throw MoveFault("The rows of the table \(table.name) differ in the target. Nothing was moved.")
        }
    }

    /// - Throws: ``MoveFault`` for rows that PostgreSQL does not take.
    private func insert(_ rows: [Row], into table: MovedTable, _ transaction: Transaction) throws {
        do { try transaction.execute(table.insertion(of: rows)) } catch let error as StorageError
            where [.duplicate, .reference, .check, .other].contains(error.kind)
        {
            throw MoveFault(
                "A row of the table \(table.name) was refused, and nothing was moved: \(error.message) (\(error.code))."
            )
        }
    }
}
