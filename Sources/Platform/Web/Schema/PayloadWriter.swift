import Base
import NIOCore

/// Writes payloads as JSON: members in the order of their names, spelled as the payload says.
///
/// Every answer passes here. Foundation's encoder takes five times as long for an answer of usual size, most of it for the spelling of names.
enum PayloadWriter {
    /// - Throws: `EncodingError` for a number that JSON cannot hold, and what the value's own coding throws.
    static func json(_ value: some Encodable, naming: Naming) throws -> ByteBuffer {
        var text: [UInt8] = []
        text.reserveCapacity(usualBytes)
        try Part(value, naming).write(to: &text)
        return ByteBuffer(bytes: text)
    }

    private static let usualBytes = 512
}

/// A JSON value while it is put together: members can be sorted only once all of them are there.
private enum Part {
    /// Numbers, `true`, `false` and `null`, as they are written.
    case plain(String)
    case string(String)
    case object(Members)
    case array(Elements)
    /// What an encoder that was handed out is still being told.
    case told(PartEncoder)

    init<Value: Encodable>(_ value: Value, _ naming: Naming) throws {
        if Value.self == JSONValue.self, let free = value as? JSONValue {
            self = Part(free)
        } else {
            let encoder = PartEncoder(naming, Value.self)
            try value.encode(to: encoder)
            self = encoder.part
        }
    }

    init(_ value: JSONValue) {
        switch value {
        case .null: self = .null
        case .bool(let value): self = Part(value)
        case .integer(let value): self = Part(value)
        case .number(let value): self = value.isFinite ? .plain(Self.text(of: value)) : .null
        case .string(let value): self = .string(value)
        case .array(let values): self = .array(Elements(values.map { Part($0) }))
        case .object(let values): self = .object(Members(values.map { ($0.key, Part($0.value)) }))
        }
    }

    init(_ value: Bool) { self = .plain(value ? "true" : "false") }
    init(_ value: some FixedWidthInteger) { self = .plain(String(value)) }
    init(_ value: Float) throws { self = .plain(try Self.text(of: value, value.isFinite)) }
    init(_ value: Double) throws { self = .plain(try Self.text(of: value, value.isFinite)) }
    static var null: Part { .plain("null") }

    private static func text(of value: some CustomStringConvertible, _ isFinite: Bool) throws -> String {
        guard isFinite else { throw EncodingError.invalidValue(value, EncodingError.Context(codingPath: [], debugDescription: "JSON has no such number")) }
        return text(of: value)
    }

    /// A whole number is written as one.
    private static func text(of value: some CustomStringConvertible) -> String {
        let text = value.description
        return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
    }

    func write(to text: inout [UInt8]) throws {
        switch self {
        case .plain(let word): text.append(contentsOf: word.utf8)
        case .string(let string): text.append(quoted: string)
        case .told(let encoder): try encoder.part.write(to: &text)
        case .array(let elements):
            text.append(UInt8(ascii: "["))
            for (index, element) in elements.list.enumerated() {
                if index > 0 { text.append(UInt8(ascii: ",")) }
                try element.write(to: &text)
            }
            text.append(UInt8(ascii: "]"))
        case .object(let members):
            text.append(UInt8(ascii: "{"))
            for (index, member) in members.list.sorted(by: { $0.name < $1.name }).enumerated() {
                if index > 0 { text.append(UInt8(ascii: ",")) }
                text.append(quoted: member.name)
                text.append(UInt8(ascii: ":"))
                try member.part.write(to: &text)
            }
            text.append(UInt8(ascii: "}"))
        }
    }
}

private final class Members {
    var list: [(name: String, part: Part)]
    init(_ list: [(name: String, part: Part)] = []) { self.list = list }
}

private final class Elements {
    var list: [Part]
    init(_ list: [Part] = []) { self.list = list }
}

/// Is told one value.
private final class PartEncoder: Encoder, SingleValueEncodingContainer {
    /// A value that says nothing of itself is an empty object, as a payload without properties is.
    var part = Part.object(Members())
    private let naming: Naming
    private let type: Any.Type
    var codingPath: [any CodingKey] { [] }
    var userInfo: [CodingUserInfoKey: Any] { [:] }

    init(_ naming: Naming, _ type: Any.Type) {
        self.naming = naming
        self.type = type
    }

    func container<Key: CodingKey>(keyedBy _: Key.Type) -> KeyedEncodingContainer<Key> {
        let members: Members
        if case .object(let present) = part { members = present } else { members = Members() }
        part = .object(members)
        // The names of a map's entries are data and stand as they are.
        return KeyedEncodingContainer(KeyedParts(members: members, naming: naming, names: type is any MapOfNames.Type ? .asDeclared : naming))
    }

    func unkeyedContainer() -> any UnkeyedEncodingContainer {
        let elements = Elements()
        part = .array(elements)
        return UnkeyedParts(elements: elements, naming: naming)
    }

    func singleValueContainer() -> any SingleValueEncodingContainer { self }

    func encodeNil() { part = .null }
    func encode(_ value: Bool) { part = Part(value) }
    func encode(_ value: String) { part = .string(value) }
    func encode(_ value: Double) throws { part = try Part(value) }
    func encode(_ value: Float) throws { part = try Part(value) }
    func encode(_ value: Int) { part = Part(value) }
    func encode(_ value: Int8) { part = Part(value) }
    func encode(_ value: Int16) { part = Part(value) }
    func encode(_ value: Int32) { part = Part(value) }
    func encode(_ value: Int64) { part = Part(value) }
    func encode(_ value: UInt) { part = Part(value) }
    func encode(_ value: UInt8) { part = Part(value) }
    func encode(_ value: UInt16) { part = Part(value) }
    func encode(_ value: UInt32) { part = Part(value) }
    func encode(_ value: UInt64) { part = Part(value) }
    func encode(_ value: some Encodable) throws { part = try Part(value, naming) }
}

private protocol MapOfNames {}
extension Dictionary: MapOfNames where Key == String {}

private struct KeyedParts<Key: CodingKey>: KeyedEncodingContainerProtocol {
    let members: Members
    let naming: Naming
    let names: Naming
    var codingPath: [any CodingKey] { [] }

    private func add(_ part: Part, _ key: some CodingKey) { members.list.append((names.written(key.stringValue), part)) }

    func encodeNil(forKey key: Key) { add(.null, key) }
    func encode(_ value: Bool, forKey key: Key) { add(Part(value), key) }
    func encode(_ value: String, forKey key: Key) { add(.string(value), key) }
    func encode(_ value: Double, forKey key: Key) throws { add(try Part(value), key) }
    func encode(_ value: Float, forKey key: Key) throws { add(try Part(value), key) }
    func encode(_ value: Int, forKey key: Key) { add(Part(value), key) }
    func encode(_ value: Int8, forKey key: Key) { add(Part(value), key) }
    func encode(_ value: Int16, forKey key: Key) { add(Part(value), key) }
    func encode(_ value: Int32, forKey key: Key) { add(Part(value), key) }
    func encode(_ value: Int64, forKey key: Key) { add(Part(value), key) }
    func encode(_ value: UInt, forKey key: Key) { add(Part(value), key) }
    func encode(_ value: UInt8, forKey key: Key) { add(Part(value), key) }
    func encode(_ value: UInt16, forKey key: Key) { add(Part(value), key) }
    func encode(_ value: UInt32, forKey key: Key) { add(Part(value), key) }
    func encode(_ value: UInt64, forKey key: Key) { add(Part(value), key) }
    func encode(_ value: some Encodable, forKey key: Key) throws { add(try Part(value, naming), key) }

    func nestedContainer<Nested: CodingKey>(keyedBy _: Nested.Type, forKey key: Key) -> KeyedEncodingContainer<Nested> {
        let nested = Members()
        add(.object(nested), key)
        return KeyedEncodingContainer(KeyedParts<Nested>(members: nested, naming: naming, names: naming))
    }

    func nestedUnkeyedContainer(forKey key: Key) -> any UnkeyedEncodingContainer {
        let elements = Elements()
        add(.array(elements), key)
        return UnkeyedParts(elements: elements, naming: naming)
    }

    func superEncoder() -> any Encoder {
        let encoder = PartEncoder(naming, Any.self)
        members.list.append(("super", .told(encoder)))
        return encoder
    }

    func superEncoder(forKey key: Key) -> any Encoder {
        let encoder = PartEncoder(naming, Any.self)
        add(.told(encoder), key)
        return encoder
    }
}

private struct UnkeyedParts: UnkeyedEncodingContainer {
    let elements: Elements
    let naming: Naming
    var codingPath: [any CodingKey] { [] }
    var count: Int { elements.list.count }

    func encodeNil() { elements.list.append(.null) }
    func encode(_ value: Double) throws { elements.list.append(try Part(value)) }
    func encode(_ value: String) { elements.list.append(.string(value)) }
    func encode(_ value: some Encodable) throws { elements.list.append(try Part(value, naming)) }

    func nestedContainer<Nested: CodingKey>(keyedBy _: Nested.Type) -> KeyedEncodingContainer<Nested> {
        let nested = Members()
        elements.list.append(.object(nested))
        return KeyedEncodingContainer(KeyedParts<Nested>(members: nested, naming: naming, names: naming))
    }

    func nestedUnkeyedContainer() -> any UnkeyedEncodingContainer {
        let nested = Elements()
        elements.list.append(.array(nested))
        return UnkeyedParts(elements: nested, naming: naming)
    }

    func superEncoder() -> any Encoder {
        let encoder = PartEncoder(naming, Any.self)
        elements.list.append(.told(encoder))
        return encoder
    }
}

extension [UInt8] {
    /// Appends `string` as JSON has it (RFC 8259, section 7).
    fileprivate mutating func append(quoted string: String) {
        append(UInt8(ascii: "\""))
        // Most text has nothing to escape and is taken as it is.
        if string.utf8.contains(where: { $0 < 32 || $0 == UInt8(ascii: "\"") || $0 == UInt8(ascii: "\\") }) {
            for byte in string.utf8 { append(escaping: byte) }
        } else {
            append(contentsOf: string.utf8)
        }
        append(UInt8(ascii: "\""))
    }

    private mutating func append(escaping byte: UInt8) {
        switch byte {
        case UInt8(ascii: "\""): append(contentsOf: #"\""#.utf8)
        case UInt8(ascii: "\\"): append(contentsOf: #"\\"#.utf8)
        case 8: append(contentsOf: #"\b"#.utf8)
        case 9: append(contentsOf: #"\t"#.utf8)
        case 10: append(contentsOf: #"\n"#.utf8)
        case 12: append(contentsOf: #"\f"#.utf8)
        case 13: append(contentsOf: #"\r"#.utf8)
        case 0..<32: append(contentsOf: (#"\u00"# + Hex.encode([byte])).utf8)
        default: append(byte)
        }
    }
}
