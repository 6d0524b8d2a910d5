extension SQL {
    /// A table of bound rows for a statement that handles many of them: one array for each column and `unnest` on
    /// PostgreSQL, `VALUES` on SQLite. Statements with different numbers of rows have few texts, so that they stay
    /// prepared.
    ///
    /// A statement reads the rows in their order. One that joins them with another table names them first
    /// (`CROSS JOIN`): SQLite then reads the other table by its index.
    package struct Rows: Sendable {
        package enum ColumnType: Sendable { case text, integer }

        private let columns: [(name: StaticString, type: ColumnType)]
        /// Row by row.
        private var values: [Value] = []
        package private(set) var count = 0

        /// - Parameter columns: the first one has no NULL.
        package init(_ columns: (name: StaticString, type: ColumnType)...) { self.init(columns) }

        package init(_ columns: [(name: StaticString, type: ColumnType)]) {
            precondition(!columns.isEmpty, "rows have a column")
            self.columns = columns
        }

        package var isEmpty: Bool { count == 0 }

        /// - Parameter row: in the order of the columns: texts, integers and NULLs.
        package mutating func append(_ row: [Value]) {
            precondition(row.count == columns.count, "a row has a value for every column")
            precondition(row[0] != .null, "the first column of a row is not NULL")
            values += row
            count += 1
        }

        /// The text of the table.
        /// - Parameter bind: binds a value and returns its placeholder.
        func text(for dialect: Dialect, as name: String, bind: (Value) -> String) -> String {
            switch dialect {
            case .sqlite: valuesText(as: name, bind)
            case .postgres: arraysText(as: name, bind)
            }
        }

        /// The number of rows is filled up to a power of two with rows of NULLs, which the text excludes.
        private func valuesText(as name: String, _ bind: (Value) -> String) -> String {
            var padded = 1
            while padded < count { padded *= 2 }
            var text = "(SELECT "
            for (index, column) in columns.enumerated() {
                text += "\(index == 0 ? "" : ", ")column\(index + 1) AS \(column.name)"
            }
            text += " FROM (VALUES "
            for row in 0..<padded {
                text += row == 0 ? "(" : ", ("
                for column in columns.indices {
                    if column > 0 { text += ", " }
                    text += bind(row < count ? values[row * columns.count + column] : .null)
                }
                text += ")"
            }
            return text + ") WHERE column1 IS NOT NULL) AS \(name)"
        }

        private func arraysText(as name: String, _ bind: (Value) -> String) -> String {
            let arrays = columns.enumerated().map { index, column in
                "\(bind(.text(array(of: index))))::\(column.type == .text ? "text" : "bigint")[]"
            }
            let names = columns.map { "\($0.name)" }.joined(separator: ", ")
            return "unnest(\(arrays.joined(separator: ", "))) AS \(name) (\(names))"
        }

        /// The values of a column as a literal: `{"a","b",NULL}`
        private func array(of column: Int) -> String {
            var bytes: [UInt8] = []
            bytes.reserveCapacity(count * 40 + 2)
            bytes.append(UInt8(ascii: "{"))
            for row in 0..<count {
                if row > 0 { bytes.append(UInt8(ascii: ",")) }
                switch values[row * columns.count + column] {
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
