package import Base

/// One row of a result: columns by name, read as the requested type.
package struct Row: Sendable {
    /// The column names of a result, shared by all of its rows.
    package final class Columns: Sendable {
        package let names: [String]
        package init(_ names: [String]) { self.names = names }
    }

    package let columns: Columns
    package let values: [SQL.Value]

    package init(columns: Columns, values: [SQL.Value]) {
        self.columns = columns
        self.values = values
    }

    /// - Throws: ``UnreadableColumn`` when the column does not exist or holds another type.
    package func read<Value: SQLReadable>(_ column: String, as _: Value.Type = Value.self) throws -> Value {
        // Rows have few columns: comparing a few names is faster than hashing one.
        guard let index = columns.names.firstIndex(of: column) else {
            throw UnreadableColumn(column: column, value: nil, type: "\(Value.self)")
        }
        guard let value = Value(sqlValue: values[index]) else {
            throw UnreadableColumn(column: column, value: values[index], type: "\(Value.self)")
        }
        return value
    }

    package subscript<Value: SQLReadable>(_ column: String) -> Value {
        get throws { try read(column) }
    }
}

/// A column that does not exist or that holds a value of another type: a programming error, never a client's.
package struct UnreadableColumn: Error {
    package let column: String
    package let value: SQL.Value?
    package let type: String
}

/// A type that a column can be read as.
package protocol SQLReadable { init?(sqlValue: SQL.Value) }

extension SQL.Value: SQLReadable {
    package init?(sqlValue: SQL.Value) { self = sqlValue }
}

extension Int64: SQLReadable {
    package init?(sqlValue: SQL.Value) {
        guard case .integer(let value) = sqlValue else { return nil }
        self = value
    }
}

extension Int: SQLReadable {
    package init?(sqlValue: SQL.Value) {
        guard case .integer(let value) = sqlValue else { return nil }
        self.init(exactly: value)
    }
}

extension Double: SQLReadable {
    package init?(sqlValue: SQL.Value) {
        switch sqlValue {
        case .real(let value): self = value
        case .integer(let value): self = Double(value)
        case .null, .text: return nil
        }
    }
}

extension Bool: SQLReadable {
    package init?(sqlValue: SQL.Value) {
        guard case .integer(let value) = sqlValue else { return nil }
        self = value != 0
    }
}

extension String: SQLReadable {
    package init?(sqlValue: SQL.Value) {
        guard case .text(let value) = sqlValue else { return nil }
        self = value
    }
}

extension ID: SQLReadable {
    package init?(sqlValue: SQL.Value) {
        guard case .text(let value) = sqlValue else { return nil }
        self.init(trusted: value)
    }
}

extension Instant: SQLReadable {
    package init?(sqlValue: SQL.Value) {
        guard case .integer(let value) = sqlValue else { return nil }
        self.init(microseconds: value)
    }
}

extension Limit: SQLReadable {
    package init?(sqlValue: SQL.Value) {
        guard case .integer(let value) = sqlValue else { return nil }
        self.init(value)
    }
}

extension Optional: SQLReadable where Wrapped: SQLReadable {
    package init?(sqlValue: SQL.Value) {
        if sqlValue == .null {
            self = .none
        } else {
            guard let value = Wrapped(sqlValue: sqlValue) else { return nil }
            self = .some(value)
        }
    }
}

extension SQLReadable where Self: RawRepresentable, RawValue == String {
    package init?(sqlValue: SQL.Value) {
        guard case .text(let value) = sqlValue else { return nil }
        self.init(rawValue: value)
    }
}
