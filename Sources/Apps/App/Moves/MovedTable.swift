import Modules

/// A table that is moved: its columns, and the order of its rows.
struct MovedTable: Sendable, Equatable {
    enum ValueType: Sendable, Equatable { case integer, real, text }

    struct Column: Sendable, Equatable {
        let name: String
        let type: ValueType
        let isNullable: Bool
    }

    let name: String
    let columns: [Column]
    /// The names of columns without NULL whose values differ in every two rows.
    let key: [String]

    /// PostgreSQL takes at most this many parameters of a statement.
    private static let parametersMax = 65_535
    private static let rowsMax = 500

    /// Rows of one insertion.
    var batchRowsMax: Int { min(Self.rowsMax, Self.parametersMax / max(1, columns.count)) }

    /// All rows, in an order that both engines have: texts by their bytes.
    func selection(for dialect: SQL.Dialect) -> SQL {
        let order = key.compactMap { name in columns.first { $0.name == name } }.map { column in
            // SQLite's own order is by bytes.
            Self.quoted(column.name) + (dialect == .postgres && column.type == .text ? " COLLATE \"C\"" : "")
        }
        return SQL(trusted: "SELECT \(names) FROM \(Self.quoted(name)) ORDER BY \(order.joined(separator: ", "))")
    }

    var count: SQL { SQL(trusted: "SELECT COUNT(*) AS count FROM \(Self.quoted(name))") }
    var deletion: SQL { SQL(trusted: "DELETE FROM \(Self.quoted(name))") }
    var analysis: SQL { SQL(trusted: "ANALYZE \(Self.quoted(name))") }

    /// - Parameter rows: of ``selection(for:)``; at least one.
    func insertion(of rows: [Row]) -> SQL {
        var text = SQL.StringInterpolation(
            literalCapacity: 0, interpolationCount: rows.count * (columns.count + 1))
        text.appendLiteral("INSERT INTO \(Self.quoted(name)) (\(names)) VALUES ")
        for (number, row) in rows.enumerated() {
            text.appendLiteral(number == 0 ? "(" : ", (")
            for (position, value) in row.values.enumerated() {
                if position > 0 { text.appendLiteral(", ") }
                text.appendInterpolation(value)
            }
            text.appendLiteral(")")
        }
        return SQL(stringInterpolation: text)
    }

    private var names: String { columns.map { Self.quoted($0.name) }.joined(separator: ", ") }

    static func quoted(_ name: String) -> String { "\"\(name.replacing("\"", with: "\"\""))\"" }
}
