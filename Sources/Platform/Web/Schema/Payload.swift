package import Base

/// A JSON body of a request or a response. Its schema is derived from its `Decodable` conformance.
package protocol Payload: Codable, Sendable, ResponseConvertible {
    /// How property names are spelled in JSON.
    static var naming: Naming { get }
    /// Bounds that the types do not express, by property name in JSON.
    static var rules: [String: Rule] { get }
    /// Whether unknown members are accepted and ignored.
    static var isOpen: Bool { get }
    /// The name of the schema among the components of the document, unique among all payloads.
    static var schemaName: String { get }
    /// The largest body of a request, in bytes.
    static var bodyBytesMax: Int { get }
    /// Of a list: the number of its elements on all pages, which is sent as `X-Total-Count`. Nil for other payloads.
    var listTotal: Int64? { get }
}

extension Payload {
    package static var naming: Naming { .snakeCase }
    package static var rules: [String: Rule] { [:] }
    package static var isOpen: Bool { false }
    package static var bodyBytesMax: Int { Route.maximumBody }
    package static var schemaName: String { SchemaReader.name(of: Self.self) }
    package var listTotal: Int64? { nil }
}

/// A list that is the whole body.
extension Array: ResponseConvertible, Payload where Element: Payload {
    package static var naming: Naming { Element.naming }
}

/// How property names are spelled in JSON. The naming of a payload applies to nested values.
package enum Naming: Sendable {
    /// `sessionName` becomes `session_name`.
    case snakeCase
    /// `sessionName` stays `sessionName`, as some older clients send it.
    case asDeclared

    func written(_ name: String) -> String {
        guard self == .snakeCase, name.utf8.contains(where: Self.isCapital) else { return name }
        var text: [UInt8] = []
        text.reserveCapacity(name.utf8.count + 8)
        write(name, to: &text)
        return String(decoding: text, as: UTF8.self)
    }

    /// Appends a name in its spelling.
    func write(_ name: String, to text: inout [UInt8]) {
        guard self == .snakeCase else { return text.append(contentsOf: name.utf8) }
        // As JSONEncoder's convertToSnakeCase for names without runs of capitals: a capital starts a word.
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

/// A bound of one property.
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

/// A type that provides its schema, because it cannot be derived from its `Decodable` conformance.
package protocol SchemaProviding {
    static var schema: Schema { get }
    /// Any valid value; used while the schema of a containing type is derived.
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

extension DecimalNumber: SchemaProviding {
    package static var schema: Schema { .number() }
    package static var sample: DecimalNumber { DecimalNumber(0) }
}

extension Limit: SchemaProviding {
    package static var schema: Schema { .integer(minimum: -1) }
    package static var sample: Limit { .unlimited }
}

/// A request or a response without a body.
package struct NoContent: Payload {
    package init() {}
}
