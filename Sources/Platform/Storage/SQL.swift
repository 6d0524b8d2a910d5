package import Base

/// SQL text with separate values, written with string interpolation and rendered for either engine.
///
/// An interpolated value is bound, never text: `"… WHERE id = \(id)"` is safe for every `id`. The differences between
/// the engines have names in ``Idiom``.
package struct SQL: Sendable, ExpressibleByStringInterpolation {
    package enum Dialect: Sendable {
        case sqlite, postgres

        /// As responses and traces name the engine.
        package var name: String {
            switch self {
            case .sqlite: "sqlite"
            case .postgres: "postgresql"
            }
        }
    }

    package enum Value: Sendable, Hashable {
        case null
        case integer(Int64)
        case real(Double)
        case text(String)
    }

    /// The differences between the two engines, each named once.
    package enum Idiom: Sendable {
        /// The column type of a 64-bit integer.
        case integer
        /// The column type of a 64-bit floating-point number.
        case real
        /// Ends a table definition: the engine enforces the declared types.
        case strict
        /// As ``strict``, clustered on the primary key: for tables with random keys and small rows.
        case strictByKey
        /// Locks the rows of a SELECT until the transaction ends. SQLite has one writer, so it needs no row locks.
        case forUpdate
        /// As ``forUpdate``, for rows that stay and keep their keys: other transactions can still insert rows that refer
        /// to them, which a lock for an update of the key has wait.
        case forNoKeyUpdate
        /// As ``forUpdate``, without the rows that another transaction has locked.
        case skipLocked
        /// Ends the definition of a trigger that refuses the statement that fires it.
        case refusal
        /// A statement that must run before the first ``refusal``: PostgreSQL's triggers call a function, SQLite's do
        /// not.
        case refusalFunction
        /// A part of an index of texts.
        case textIndex(TextIndex, TextIndex.Part)
    }

    enum Segment: Sendable {
        case text(String)
        case value(Value)
        case idiom(Idiom)
        case rows(Rows, name: String)
    }

    private(set) var segments: [Segment]

    package init(stringLiteral text: String) { segments = [.text(text)] }
    package init(stringInterpolation: StringInterpolation) { segments = stringInterpolation.segments }

    /// - Parameter text: SQL of the program itself, never of a client.
    package init(trusted text: String) { segments = [.text(text)] }

    /// The condition that every row meets. Further ones may follow it: `"\(condition) AND …"`.
    package static let always: SQL = "1 = 1"

    /// Whether nothing follows ``always``.
    var isAlways: Bool {
        guard segments.count == 1, case .text("1 = 1") = segments[0] else { return false }
        return true
    }

    package struct StringInterpolation: StringInterpolationProtocol {
        var segments: [Segment] = []

        package init(literalCapacity: Int, interpolationCount: Int) {
            segments.reserveCapacity(2 * interpolationCount + 1)
        }
        package mutating func appendLiteral(_ text: String) { segments.append(.text(text)) }
        package mutating func appendInterpolation(_ value: some SQLBindable) { segments.append(.value(value.sqlValue)) }
        package mutating func appendInterpolation(_ value: (some SQLBindable)?) {
            segments.append(.value(value?.sqlValue ?? .null))
        }
        package mutating func appendInterpolation(_ fragment: SQL) { segments.append(contentsOf: fragment.segments) }
        package mutating func appendInterpolation(_ idiom: Idiom) { segments.append(.idiom(idiom)) }

        /// A table of bound rows, for `FROM`: `"SELECT … FROM \(rows: rows, as: "new")"`.
        /// - Parameter name: of the table, a part of the program's own text.
        package mutating func appendInterpolation(rows: Rows, as name: StaticString) {
            segments.append(.rows(rows, name: "\(name)"))
        }

        /// `(a, b, c)` with each value bound; an empty list matches nothing.
        package mutating func appendInterpolation(list values: [some SQLBindable]) {
            segments.append(.text("("))
            for (index, value) in values.enumerated() {
                if index > 0 { segments.append(.text(", ")) }
                segments.append(.value(value.sqlValue))
            }
            segments.append(.text(values.isEmpty ? "NULL)" : ")"))
        }
    }

    package static func + (left: SQL, right: SQL) -> SQL {
        var sum = left
        sum.segments += right.segments
        return sum
    }

    /// The text for the engine, with numbered placeholders, and the values in the same order.
    package func rendered(for dialect: Dialect) -> (text: String, values: [Value]) {
        var text = ""
        text.reserveCapacity(Self.usualBytes)
        var values: [Value] = []
        values.reserveCapacity(segments.count / 2 + 1)
        for segment in segments {
            switch segment {
            case .text(let literal): text += literal
            case .value(let value):
                values.append(value)
                text += Self.placeholder(values.count, dialect)
            case .idiom(let idiom): text += idiom.text(for: dialect)
            case .rows(let rows, let name):
                rows.render(for: dialect, as: name, to: &text, &values)
            }
        }
        return (text, values)
    }

    /// Most statements are shorter.
    private static let usualBytes = 512

    /// The first 32 placeholders are precomputed, because every value of every statement needs one.
    private static func placeholder(_ number: Int, _ dialect: Dialect) -> String {
        let usual = dialect == .sqlite ? placeholders.sqlite : placeholders.postgres
        return number <= usual.count ? usual[number - 1] : "\(dialect == .sqlite ? "?" : "$")\(number)"
    }

    private static let placeholders = (sqlite: (1...32).map { "?\($0)" }, postgres: (1...32).map { "$\($0)" })
}

extension SQL.Idiom {
    func text(for dialect: SQL.Dialect) -> String {
        switch (self, dialect) {
        case (.integer, .sqlite): "INTEGER"
        case (.integer, .postgres): "BIGINT"
        case (.real, .sqlite): "REAL"
        case (.real, .postgres): "DOUBLE PRECISION"
        case (.strict, .sqlite): "STRICT"
        case (.strictByKey, .sqlite): "STRICT, WITHOUT ROWID"
        case (.forUpdate, .postgres): "FOR UPDATE"
        case (.forNoKeyUpdate, .postgres): "FOR NO KEY UPDATE"
        case (.skipLocked, .postgres): "FOR UPDATE SKIP LOCKED"
        case (.strict, .postgres), (.strictByKey, .postgres): ""
        case (.forUpdate, .sqlite), (.forNoKeyUpdate, .sqlite), (.skipLocked, .sqlite): ""
        case (.textIndex(let index, let part), _): index.text(of: part, for: dialect)
        case (.refusal, .sqlite): "BEGIN SELECT RAISE(ABORT, 'rows of this table are immutable'); END"
        case (.refusal, .postgres): "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        case (.refusalFunction, .sqlite): "SELECT 1"
        case (.refusalFunction, .postgres):
            """
            CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql
            AS $$ BEGIN RAISE EXCEPTION 'rows of this table are immutable' USING ERRCODE = 'restrict_violation'; END $$
            """
        }
    }
}

/// A type whose values can be bound.
package protocol SQLBindable { var sqlValue: SQL.Value { get } }

extension SQL.Value: SQLBindable { package var sqlValue: SQL.Value { self } }
extension String: SQLBindable { package var sqlValue: SQL.Value { .text(self) } }
extension Int64: SQLBindable { package var sqlValue: SQL.Value { .integer(self) } }
extension Int: SQLBindable { package var sqlValue: SQL.Value { .integer(Int64(self)) } }
extension Double: SQLBindable { package var sqlValue: SQL.Value { .real(self) } }
extension Bool: SQLBindable { package var sqlValue: SQL.Value { .integer(self ? 1 : 0) } }
extension ID: SQLBindable { package var sqlValue: SQL.Value { .text(text) } }
extension Instant: SQLBindable { package var sqlValue: SQL.Value { .integer(microseconds) } }
extension Limit: SQLBindable { package var sqlValue: SQL.Value { .integer(value) } }
extension SQLBindable where Self: RawRepresentable, RawValue == String {
    package var sqlValue: SQL.Value { .text(rawValue) }
}
