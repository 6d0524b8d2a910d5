import Base

/// Derives schemas by decoding types from a decoder that records what is requested.
///
/// Structs with synthesized conformances work at any depth. A hand-written `init(from:)` that branches on its input
/// cannot be recorded: such a type conforms to ``SchemaProviding``.
package final class SchemaReader {
    /// The named objects found so far.
    package private(set) var components: [String: Schema] = [:]
    private var inProgress: Set<String> = []
    private var types: [String: ObjectIdentifier] = [:]

    package init() {}

    /// - Returns: the schema of a payload; for an object, a reference to a component.
    package func schema(of payload: any Payload.Type) -> Schema { schema(of: payload, naming: payload.naming) }

    func schema(of type: Any.Type, naming: Naming) -> Schema {
        switch type {
        case is Bool.Type: return .boolean
        case is String.Type: return .string()
        case is Int.Type, is Int64.Type, is Int32.Type: return .integer()
        case is UInt.Type, is UInt64.Type, is UInt32.Type, is UInt16.Type, is UInt8.Type: return .integer(minimum: 0)
        case is Double.Type, is Float.Type: return .number()
        case let providing as any SchemaProviding.Type: return providing.schema
        case let optional as any AnyOptional.Type: return .nullable(schema(of: optional.wrappedType, naming: naming))
        case let array as any AnyArray.Type: return .array(schema(of: array.elementType, naming: naming))
        case let map as any AnyMap.Type: return .map(schema(of: map.valueType, naming: naming))
        case let cases as any (CaseIterable & RawRepresentable).Type:
            if let names = Self.names(of: cases) { return .enumeration(names) }
        default: break
        }
        guard let decodable = type as? any Decodable.Type else { return .any }
        if let payload = type as? any Payload.Type {
            // The outermost payload decides the spelling: a nested payload with another naming would be documented
            // wrongly.
            precondition(payload.naming == naming, "\(type) is nested in a payload with another naming")
        }
        let name = (type as? any Payload.Type)?.schemaName ?? Self.name(of: type)
        precondition(
            types.updateValue(ObjectIdentifier(type), forKey: name) ?? ObjectIdentifier(type) == ObjectIdentifier(type),
            "two payloads are named \(name)")
        guard components[name] == nil, inProgress.insert(name).inserted else { return .reference(name) }
        defer { inProgress.remove(name) }
        let record = RecordedProperties()
        do {
            _ = try Self.decode(decodable, from: RecordingDecoder(reader: self, record: record, naming: naming))
        } catch {
            // Its properties after the fault would be missing in the document.
            preconditionFailure("\(type) cannot be read: \(error). An enumeration has to be CaseIterable.")
        }
        if let single = record.single { return single }
        let rules = (type as? any Payload.Type)?.rules ?? [:]
        let properties = record.properties.map { property in
            var property = property
            if let rule = rules[property.name] { property.schema = rule.applied(to: property.schema) }
            return property
        }
        components[name] = .object(
            Schema.Object(properties: properties, isOpen: (type as? any Payload.Type)?.isOpen ?? false))
        return .reference(name)
    }

    /// The name of a type without punctuation: `Set<Int>` becomes `SetInt`.
    static func name(of type: Any.Type) -> String {
        String(describing: type).filter { $0.isLetter || $0.isNumber }
    }

    /// A valid value of `type`, for decoding to continue with.
    func sample<Value: Decodable>(of type: Value.Type, naming: Naming) throws -> Value {
        let sample: Any? =
            switch type {
            case let providing as any SchemaProviding.Type: providing.sample
            case let optional as any AnyOptional.Type: optional.absent
            case let array as any AnyArray.Type: array.empty
            case let map as any AnyMap.Type: map.empty
            // Other integers than Int and Int64 decode themselves through a generic request for their own type.
            case let integer as any FixedWidthInteger.Type: Self.zero(integer)
            case is Float.Type: Float(0)
            case let cases as any CaseIterable.Type: Self.firstCase(of: cases)
            default: nil
            }
        if let sample = sample as? Value { return sample }
        return try type.init(from: RecordingDecoder(reader: self, record: RecordedProperties(), naming: naming))
    }

    private static func decode<Value: Decodable>(_: Value.Type, from decoder: RecordingDecoder) throws -> Value {
        try Value(from: decoder)
    }
    private static func names<Cases: CaseIterable & RawRepresentable>(of _: Cases.Type) -> [String]? {
        let names = Cases.allCases.compactMap { $0.rawValue as? String }
        return names.count == Cases.allCases.count ? names : nil
    }
    private static func zero<Integer: FixedWidthInteger>(_: Integer.Type) -> Any { Integer.zero }
    private static func firstCase<Cases: CaseIterable>(of _: Cases.Type) -> Any? { Cases.allCases.first }
}

/// The properties that a type requested while it decoded itself.
final class RecordedProperties {
    var properties: [Schema.Object.Property] = []
    var single: Schema?

    func add(_ name: String, _ schema: Schema, isRequired: Bool) {
        properties.append(.init(name: name, schema: isRequired ? schema : .nullable(schema), isRequired: isRequired))
    }
}

private protocol AnyOptional {
    static var wrappedType: Any.Type { get }
    static var absent: Any { get }
}
extension Optional: AnyOptional {
    static var wrappedType: Any.Type { Wrapped.self }
    static var absent: Any { Wrapped?.none as Any }
}

private protocol AnyArray {
    static var elementType: Any.Type { get }
    static var empty: Any { get }
}
extension Array: AnyArray {
    static var elementType: Any.Type { Element.self }
    static var empty: Any { [Element]() }
}

private protocol AnyMap {
    static var valueType: Any.Type { get }
    static var empty: Any { get }
}
extension Dictionary: AnyMap where Key == String {
    static var valueType: Any.Type { Value.self }
    static var empty: Any { [Key: Value]() }
}

struct RecordingDecoder: Decoder {
    let reader: SchemaReader
    let record: RecordedProperties
    let naming: Naming
    var codingPath: [any CodingKey] { [] }
    var userInfo: [CodingUserInfoKey: Any] { [:] }

    func container<Key: CodingKey>(keyedBy _: Key.Type) -> KeyedDecodingContainer<Key> {
        KeyedDecodingContainer(Keyed(reader: reader, record: record, naming: naming))
    }
    func unkeyedContainer() throws -> any UnkeyedDecodingContainer { throw UnsupportedDecoding() }
    func singleValueContainer() -> any SingleValueDecodingContainer {
        Single(reader: reader, record: record, naming: naming)
    }

    /// Thrown where decoding cannot be recorded; the properties recorded so far are kept.
    struct UnsupportedDecoding: Error {}

    struct Keyed<Key: CodingKey>: KeyedDecodingContainerProtocol {
        let reader: SchemaReader
        let record: RecordedProperties
        let naming: Naming
        var codingPath: [any CodingKey] { [] }
        var allKeys: [Key] { [] }

        func contains(_: Key) -> Bool { true }
        func decodeNil(forKey _: Key) -> Bool { false }

        private func add<Value>(_ key: Key, _ sample: Value, isRequired: Bool = true) -> Value {
            record.add(
                naming.written(key.stringValue), reader.schema(of: Value.self, naming: naming), isRequired: isRequired)
            return sample
        }
        private func addOptional<Value>(_ key: Key, _: Value.Type) -> Value? {
            record.add(
                naming.written(key.stringValue), reader.schema(of: Value.self, naming: naming), isRequired: false)
            return nil
        }

        func decode(_: Bool.Type, forKey key: Key) -> Bool { add(key, false) }
        func decode(_: String.Type, forKey key: Key) -> String { add(key, "") }
        func decode(_: Double.Type, forKey key: Key) -> Double { add(key, 0) }
        func decode(_: Float.Type, forKey key: Key) -> Float { add(key, 0) }
        func decode(_: Int.Type, forKey key: Key) -> Int { add(key, 0) }
        func decode(_: Int64.Type, forKey key: Key) -> Int64 { add(key, 0) }
        func decode<Value: Decodable>(_ type: Value.Type, forKey key: Key) throws -> Value {
            record.add(naming.written(key.stringValue), reader.schema(of: type, naming: naming), isRequired: true)
            return try reader.sample(of: type, naming: naming)
        }
        func decodeIfPresent(_ type: Bool.Type, forKey key: Key) -> Bool? { addOptional(key, type) }
        func decodeIfPresent(_ type: String.Type, forKey key: Key) -> String? { addOptional(key, type) }
        func decodeIfPresent(_ type: Double.Type, forKey key: Key) -> Double? { addOptional(key, type) }
        func decodeIfPresent(_ type: Float.Type, forKey key: Key) -> Float? { addOptional(key, type) }
        func decodeIfPresent(_ type: Int.Type, forKey key: Key) -> Int? { addOptional(key, type) }
        func decodeIfPresent(_ type: Int64.Type, forKey key: Key) -> Int64? { addOptional(key, type) }
        func decodeIfPresent<Value: Decodable>(_ type: Value.Type, forKey key: Key) -> Value? {
            addOptional(key, type)
        }

        func nestedContainer<NestedKey: CodingKey>(keyedBy _: NestedKey.Type, forKey _: Key) throws
            -> KeyedDecodingContainer<NestedKey>
        { throw UnsupportedDecoding() }
        func nestedUnkeyedContainer(forKey _: Key) throws -> any UnkeyedDecodingContainer {
            throw UnsupportedDecoding()
        }
        func superDecoder() throws -> any Decoder { throw UnsupportedDecoding() }
        func superDecoder(forKey _: Key) throws -> any Decoder { throw UnsupportedDecoding() }
    }

    struct Single: SingleValueDecodingContainer {
        let reader: SchemaReader
        let record: RecordedProperties
        let naming: Naming
        var codingPath: [any CodingKey] { [] }

        func decodeNil() -> Bool { false }
        func decode<Value: Decodable>(_ type: Value.Type) throws -> Value {
            record.single = reader.schema(of: type, naming: naming)
            return try reader.sample(of: type, naming: naming)
        }
        private func add<Value>(_ sample: Value) -> Value {
            record.single = reader.schema(of: Value.self, naming: naming)
            return sample
        }
        func decode(_: Bool.Type) -> Bool { add(false) }
        func decode(_: String.Type) -> String { add("") }
        func decode(_: Double.Type) -> Double { add(0) }
        func decode(_: Int.Type) -> Int { add(0) }
        func decode(_: Int64.Type) -> Int64 { add(0) }
    }
}
