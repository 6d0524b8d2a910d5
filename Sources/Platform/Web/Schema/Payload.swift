package import Base

/// What goes in and out as JSON. Its schema is read off its `Decodable` conformance, so there is no second description.
package protocol Payload: Codable, Sendable, ResponseConvertible {
    /// How property names are written in JSON.
    static var naming: Naming { get }
    /// Bounds that the types alone do not say, by property name in JSON.
    static var rules: [String: Rule] { get }
    /// Whether members that it does not name are accepted, and passed over.
    static var isOpen: Bool { get }
}

extension Payload {
    package static var naming: Naming { .snakeCase }
    package static var rules: [String: Rule] { [:] }
    package static var isOpen: Bool { false }
}

/// How the names of a payload's properties are written. A payload's choice holds for what is nested in it.
package enum Naming: Sendable {
    /// `sessionName` is written `session_name`.
    case snakeCase
    /// `sessionName` is written as it is: what some older clients send.
    case asDeclared

    func written(_ name: String) -> String {
        guard self == .snakeCase, name.utf8.contains(where: Self.isCapital) else { return name }
        var text: [UInt8] = []
        text.reserveCapacity(name.utf8.count + 8)
        write(name, to: &text)
        return String(decoding: text, as: UTF8.self)
    }

    /// Appends a name as it is written.
    func write(_ name: String, to text: inout [UInt8]) {
        guard self == .snakeCase else { return text.append(contentsOf: name.utf8) }
        // The same rule as JSONEncoder's convertToSnakeCase for the names in use here: a capital starts a word.
        var isFirst = true
        for byte in name.utf8 {
            if Self.isCapital(byte) {
                if !isFirst { text.append(UInt8(ascii: "_")) }
                text.append(byte | 0x20)
            } else {
                text.append(byte)
            }
            isFirst = false
        }
    }

    private static func isCapital(_ byte: UInt8) -> Bool { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) }
}

/// A bound on one property.
package enum Rule: Sendable {
    /// Length in Unicode scalars.
    case length(ClosedRange<Int>)
    case range(ClosedRange<Int64>)
    case numbers(ClosedRange<Double>)
    case oneOf([String])
    case format(String)
    case items(upTo: Int)

    func applied(to schema: Schema) -> Schema {
        switch (self, schema) {
        case (_, .nullable(let inner)): .nullable(applied(to: inner))
        case (.length(let range), .string(let format, _, _)):
            .string(format: format, minLength: range.lowerBound, maxLength: range.upperBound)
        case (.range(let range), _): .integer(minimum: range.lowerBound, maximum: range.upperBound)
        case (.numbers(let range), _): .number(minimum: range.lowerBound, maximum: range.upperBound)
        case (.oneOf(let values), _): .enumeration(values)
        case (.format(let format), .string(_, let minimum, let maximum)):
            .string(format: format, minLength: minimum, maxLength: maximum)
        case (.items(let count), .array(let element, _)): .array(element, maxItems: count)
        default: schema
        }
    }
}

/// A type that says its own schema, because its coding cannot be watched.
package protocol SchemaProviding {
    static var schema: Schema { get }
    /// Any value, to go on decoding with while the schema of what contains it is read.
    static var sample: Self { get }
}

extension ID: SchemaProviding {
    package static var schema: Schema { .string(format: "uuid") }
    package static var sample: ID { ID(trusted: "00000000-0000-7000-8000-000000000000") }
}

extension Instant: SchemaProviding {
    package static var schema: Schema { .string(format: "date-time") }
    package static var sample: Instant { Instant(seconds: 0) }
}

extension JSONValue: SchemaProviding {
    package static var schema: Schema { .any }
    package static var sample: JSONValue { .null }
}

extension Limit: SchemaProviding {
    package static var schema: Schema { .integer(minimum: -1) }
    package static var sample: Limit { .unlimited }
}

/// A request without a body, or an answer without one.
package struct NoContent: Payload {
    package init() {}
}
