import Synchronization

extension SQL {
    /// A table of bound rows for a statement that handles many of them: one array for each column and `unnest` on
    /// PostgreSQL, `VALUES` on SQLite. Statements with different numbers of rows have few texts, so that they stay
    /// prepared.
    ///
    /// A statement reads the rows in their order. One that joins them with another table names them first
    /// (`CROSS JOIN`): SQLite then reads the other table by its index.
    package struct Rows: Sendable {
        package enum ColumnType: Sendable { case text, integer }

        private let columns: Columns
        /// Row by row.
        private var values: [Value] = []
        package private(set) var count = 0

        package init(_ columns: Columns) { self.columns = columns }

        package var isEmpty: Bool { count == 0 }

        /// - Parameter row: in the order of the columns: texts, integers and NULLs.
        package mutating func append(_ row: [Value]) {
            precondition(row.count == columns.list.count, "a row has a value for every column")
            precondition(row[0] != .null, "the first column of a row is not NULL")
            values += row
            count += 1
        }

        /// Appends the table to a statement's text, and its values to the bound ones.
        func render(for dialect: Dialect, as name: String, to text: inout String, _ bound: inout [Value]) {
            switch dialect {
            case .sqlite:
                // Filled up to a power of two with rows of NULLs, which the text excludes.
                var padded = 1
                while padded < count { padded *= 2 }
                text += columns.values(rows: padded, first: bound.count + 1, as: name)
                bound += values
                bound += repeatElement(.null, count: (padded - count) * columns.list.count)
            case .postgres:
                text += columns.arrays(first: bound.count + 1, as: name)
                for column in columns.list.indices { bound.append(.text(array(of: column))) }
            }
        }

        /// The values of a column as a literal: `{"a","b",NULL}`
        private func array(of column: Int) -> String {
            var bytes: [UInt8] = []
            bytes.reserveCapacity(count * 40 + 2)
            bytes.append(UInt8(ascii: "{"))
            for row in 0..<count {
                if row > 0 { bytes.append(UInt8(ascii: ",")) }
                switch values[row * columns.list.count + column] {
                case .null: bytes += "NULL".utf8
                case .integer(let number): bytes += String(number).utf8
                case .real: preconditionFailure("rows have no column of this type")
                case .text(let text):
                    bytes.append(UInt8(ascii: "\""))
                    for byte in text.utf8 {
                        if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") {
                            bytes.append(UInt8(ascii: "\\"))
                        }
                        bytes.append(byte)
                    }
                    bytes.append(UInt8(ascii: "\""))
                }
            }
            bytes.append(UInt8(ascii: "}"))
            return String(decoding: bytes, as: UTF8.self)
        }
    }
}

extension SQL.Rows {
    /// The columns of rows, and the texts of their tables. A constant of the code that makes the rows.
    package final class Columns: Sendable {
        private struct Shape: Hashable {
            let rows: Int
            let first: Int
            let name: String
        }

        let list: [(name: StaticString, type: ColumnType)]
        /// As many as statements and powers of two.
        private let texts = Mutex<[Shape: String]>([:])

        /// - Parameter list: the first column has no NULL.
        package convenience init(_ list: (name: StaticString, type: ColumnType)...) { self.init(list) }

        package init(_ list: [(name: StaticString, type: ColumnType)]) {
            precondition(!list.isEmpty, "rows have a column")
            self.list = list
        }

        /// - Parameter first: the number of the first placeholder.
        func values(rows: Int, first: Int, as name: String) -> String {
            text(Shape(rows: rows, first: first, name: name)) {
                let names = list.enumerated().map { "column\($0 + 1) AS \($1.name)" }.joined(separator: ", ")
                let tuples = (0..<rows).map { row in
                    "(" + list.indices.map { "?\(first + row * list.count + $0)" }.joined(separator: ", ") + ")"
                }
                return "(SELECT \(names) FROM (VALUES \(tuples.joined(separator: ", "))) WHERE column1 IS NOT NULL)"
                    + " AS \(name)"
            }
        }

        /// - Parameter first: the number of the first placeholder.
        func arrays(first: Int, as name: String) -> String {
            text(Shape(rows: 0, first: first, name: name)) {
                let arrays = list.enumerated().map { "$\(first + $0)::\($1.type == .text ? "text" : "bigint")[]" }
                let names = list.map { "\($0.name)" }
                return "unnest(\(arrays.joined(separator: ", "))) AS \(name) (\(names.joined(separator: ", ")))"
            }
        }

        private func text(_ shape: Shape, _ make: () -> String) -> String {
            texts.withLock { texts in
                if let text = texts[shape] { return text }
                let text = make()
                texts[shape] = text
                return text
            }
        }
    }
}
