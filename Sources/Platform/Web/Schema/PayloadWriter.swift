import Base
import NIOCore

/// Encodes payloads as JSON, members sorted by name and spelled by the naming of the payload.
///
/// Every response passes here. Foundation's encoder takes several times as long, mostly for the spelling of names and
/// for the tree of values that it builds. This one appends each value to the text, and sorts the members of an object
/// at its end.
enum PayloadWriter {
    /// - Throws: `EncodingError` for a number that JSON cannot represent, and the errors of the value's own encoding.
    static func json(_ value: some Encodable, naming: Naming) throws -> ByteBuffer {
        let writer = JSONWriter(naming)
        try writer.write(value)
        return ByteBuffer(bytes: try writer.text.finished())
    }

    static func json(_ value: JSONValue) -> ByteBuffer {
        var text = JSONText(.asDeclared)
        text.write(value)
        return ByteBuffer(bytes: text.bytes)
    }
}

/// Partial JSON text. Values are appended in order, and so are the members of an object and the elements of an array.
private struct JSONText {
    private(set) var bytes: [UInt8] = []
    let naming: Naming
    /// The open objects and arrays, each inside the one before it.
    private var frames: [Frame] = []
    /// The members of the open objects; those of the innermost come last.
    private var members: [Member] = []
    private var moved: [UInt8] = []
    private var frameCount = 0
    /// The first write to a closed container. Nested containers are requested in calls that cannot throw, so
    /// ``finished()`` throws it.
    private var fault: EncodingError?

    private struct Frame {
        let number: Int
        let isObject: Bool
        let names: Naming
        let firstMember: Int
        /// The offset of its first member or element.
        let start: Int
        var count = 0
    }

    private struct Member {
        let start: Int
        let nameEnd: Int
    }

    /// A container of an encoder. It may be written to while its frame is open.
    struct Container {
        fileprivate let level: Int
        fileprivate let number: Int
    }

    private static let usualBytes = 1_024

    init(_ naming: Naming) {
        self.naming = naming
        bytes.reserveCapacity(Self.usualBytes)
    }

    /// The complete text.
    /// - Throws: `EncodingError` where a container was written to after another one was begun.
    func finished() throws -> [UInt8] {
        if let fault { throw fault }
        return bytes
    }

    /// The number of open objects and arrays.
    var depth: Int { frames.count }

    // MARK: Values

    mutating func writeNull() { bytes.append(contentsOf: "null".utf8) }
    mutating func write(_ value: Bool) { bytes.append(contentsOf: (value ? "true" : "false").utf8) }
    mutating func write(_ value: String) { bytes.append(jsonString: value) }
    mutating func write(integer value: some FixedWidthInteger) { bytes.append(contentsOf: value.description.utf8) }
    mutating func writeEmptyObject() { bytes.append(contentsOf: "{}".utf8) }

    mutating func write(fraction value: some BinaryFloatingPoint & CustomStringConvertible) throws {
        guard value.isFinite else {
            throw EncodingError.invalidValue(
                value, EncodingError.Context(codingPath: [], debugDescription: "JSON has no such number"))
        }
        write(number: value.description)
    }

    /// A whole number is written without a fraction.
    private mutating func write(number: String) {
        bytes.append(contentsOf: number.hasSuffix(".0") ? number.dropLast(2).utf8 : number[...].utf8)
    }

    mutating func write(_ value: JSONValue) {
        switch value {
        case .null: writeNull()
        case .bool(let value): write(value)
        case .integer(let value): write(integer: value)
        case .number(let value): if value.isFinite { write(number: value.description) } else { writeNull() }
        case .decimal(let text): bytes.append(contentsOf: text.utf8)
        case .string(let value): write(value)
        case .array(let values):
            bytes.append(UInt8(ascii: "["))
            for (index, value) in values.enumerated() {
                if index > 0 { bytes.append(UInt8(ascii: ",")) }
                write(value)
            }
            bytes.append(UInt8(ascii: "]"))
        case .object(let values):
            bytes.append(UInt8(ascii: "{"))
            for (index, member) in values.sorted(by: { $0.key < $1.key }).enumerated() {
                if index > 0 { bytes.append(UInt8(ascii: ",")) }
                write(member.key)
                bytes.append(UInt8(ascii: ":"))
                write(member.value)
            }
            bytes.append(UInt8(ascii: "}"))
        }
    }

    // MARK: Objects and arrays

    /// The open object or array at a depth.
    func container(at depth: Int, isObject: Bool) -> Container? {
        guard frames.count > depth, frames[depth].isObject == isObject else { return nil }
        return Container(level: depth, number: frames[depth].number)
    }

    /// Begins an object or array at the end of the text.
    mutating func open(isObject: Bool, names: Naming? = nil) -> Container {
        bytes.append(isObject ? UInt8(ascii: "{") : UInt8(ascii: "["))
        frameCount += 1
        frames.append(
            Frame(
                number: frameCount, isObject: isObject, names: names ?? naming, firstMember: members.count,
                start: bytes.count))
        return Container(level: frames.count - 1, number: frameCount)
    }

    func count(at container: Container) -> Int { isOpen(container) ? frames[container.level].count : 0 }

    /// Begins the next element of an array, or the next member of an object, whose value follows.
    /// A write to a closed container makes the text invalid; see ``finished()``.
    mutating func begin(_ name: String? = nil, at container: Container) {
        guard isOpen(container) else {
            let context = EncodingError.Context(
                codingPath: [], debugDescription: "a container is written to after another one was begun")
            fault = fault ?? EncodingError.invalidValue(name ?? "", context)
            return
        }
        close(to: container.level + 1)
        if frames[container.level].count > 0 { bytes.append(UInt8(ascii: ",")) }
        frames[container.level].count += 1
        guard let name else { return }
        let start = bytes.count
        bytes.append(jsonString: name, spelled: frames[container.level].names)
        members.append(Member(start: start, nameEnd: bytes.count - 1))
        bytes.append(UInt8(ascii: ":"))
    }

    /// Begins an object or array as the next element or member of another.
    mutating func open(_ name: String? = nil, at container: Container, isObject: Bool) -> Container {
        begin(name, at: container)
        return open(isObject: isObject)
    }

    private func isOpen(_ container: Container) -> Bool {
        container.level < frames.count && frames[container.level].number == container.number
    }

    /// Closes containers until `depth` frames are open.
    mutating func close(to depth: Int) {
        while frames.count > depth, let frame = frames.popLast() {
            if frame.isObject { sort(frame) }
            bytes.append(frame.isObject ? UInt8(ascii: "}") : UInt8(ascii: "]"))
        }
    }

    /// Sorts the members of a complete object by name.
    private mutating func sort(_ frame: Frame) {
        let places = frame.firstMember..<members.count
        defer { members.removeSubrange(places) }
        guard
            zip(places, places.dropFirst()).contains(where: { isBefore(members[$1], members[$0], in: bytes, from: 0) })
        else { return }
        moved.removeAll(keepingCapacity: true)
        moved.append(contentsOf: bytes[frame.start...])
        let end = bytes.count + 1
        bytes.removeSubrange(frame.start...)
        let order = places.sorted { isBefore(members[$0], members[$1], in: moved, from: frame.start) }
        for (index, place) in order.enumerated() {
            if index > 0 { bytes.append(UInt8(ascii: ",")) }
            // A comma follows each member but the last.
            let memberEnd = (place + 1 < places.upperBound ? members[place + 1].start : end) - 1
            bytes.append(contentsOf: moved[members[place].start - frame.start..<memberEnd - frame.start])
        }
    }

    private func isBefore(_ first: Member, _ second: Member, in text: [UInt8], from start: Int) -> Bool {
        text[first.start - start..<first.nameEnd - start].lexicographicallyPrecedes(
            text[second.start - start..<second.nameEnd - start])
    }
}

/// The encoder that values write themselves to.
private final class JSONWriter {
    var text: JSONText
    /// The number of open containers before the current value, and the type of the value.
    private var base = 0
    private var type: Any.Type = Never.self

    init(_ naming: Naming) { text = JSONText(naming) }

    func write<Value: Encodable>(_ value: Value) throws {
        if Value.self == JSONValue.self, let json = value as? JSONValue { return text.write(json) }
        let outer = (base, type)
        let start = text.bytes.count
        (base, type) = (text.depth, Value.self)
        try value.encode(to: self)
        text.close(to: base)
        (base, type) = outer
        // A value that encodes nothing is an empty object, as a payload without properties is.
        if text.bytes.count == start { text.writeEmptyObject() }
    }

    /// The container of the current value.
    func ownContainer(isObject: Bool) -> JSONText.Container {
        // The keys of a dictionary are data and keep their spelling.
        text.container(at: base, isObject: isObject)
            ?? text.open(isObject: isObject, names: type is any StringKeyedDictionary.Type ? .asDeclared : nil)
    }
}

private protocol StringKeyedDictionary {}
extension Dictionary: StringKeyedDictionary where Key == String {}

// MARK: - Encoding containers

extension JSONWriter: Encoder, SingleValueEncodingContainer {
    var codingPath: [any CodingKey] { [] }
    var userInfo: [CodingUserInfoKey: Any] { [:] }

    func container<Key: CodingKey>(keyedBy _: Key.Type) -> KeyedEncodingContainer<Key> {
        KeyedEncodingContainer(MemberContainer(writer: self, container: ownContainer(isObject: true)))
    }

    func unkeyedContainer() -> any UnkeyedEncodingContainer {
        ElementContainer(writer: self, container: ownContainer(isObject: false))
    }
    func singleValueContainer() -> any SingleValueEncodingContainer { self }

    func encodeNil() { text.writeNull() }
    func encode(_ value: Bool) { text.write(value) }
    func encode(_ value: String) { text.write(value) }
    func encode(_ value: Double) throws { try text.write(fraction: value) }
    func encode(_ value: Float) throws { try text.write(fraction: value) }
    func encode(_ value: Int) { text.write(integer: value) }
    func encode(_ value: Int8) { text.write(integer: value) }
    func encode(_ value: Int16) { text.write(integer: value) }
    func encode(_ value: Int32) { text.write(integer: value) }
    func encode(_ value: Int64) { text.write(integer: value) }
    func encode(_ value: UInt) { text.write(integer: value) }
    func encode(_ value: UInt8) { text.write(integer: value) }
    func encode(_ value: UInt16) { text.write(integer: value) }
    func encode(_ value: UInt32) { text.write(integer: value) }
    func encode(_ value: UInt64) { text.write(integer: value) }
    func encode(_ value: some Encodable) throws { try write(value) }
}

private struct MemberContainer<Key: CodingKey>: KeyedEncodingContainerProtocol {
    let writer: JSONWriter
    let container: JSONText.Container
    var codingPath: [any CodingKey] { [] }

    func encodeNil(forKey key: Key) throws { try add(key) { $0.text.writeNull() } }
    func encode(_ value: Bool, forKey key: Key) throws { try add(key) { $0.text.write(value) } }
    func encode(_ value: String, forKey key: Key) throws { try add(key) { $0.text.write(value) } }
    func encode(_ value: Double, forKey key: Key) throws { try add(key) { try $0.text.write(fraction: value) } }
    func encode(_ value: Float, forKey key: Key) throws { try add(key) { try $0.text.write(fraction: value) } }
    func encode(_ value: Int, forKey key: Key) throws { try add(key) { $0.text.write(integer: value) } }
    func encode(_ value: Int8, forKey key: Key) throws { try add(key) { $0.text.write(integer: value) } }
    func encode(_ value: Int16, forKey key: Key) throws { try add(key) { $0.text.write(integer: value) } }
    func encode(_ value: Int32, forKey key: Key) throws { try add(key) { $0.text.write(integer: value) } }
    func encode(_ value: Int64, forKey key: Key) throws { try add(key) { $0.text.write(integer: value) } }
    func encode(_ value: UInt, forKey key: Key) throws { try add(key) { $0.text.write(integer: value) } }
    func encode(_ value: UInt8, forKey key: Key) throws { try add(key) { $0.text.write(integer: value) } }
    func encode(_ value: UInt16, forKey key: Key) throws { try add(key) { $0.text.write(integer: value) } }
    func encode(_ value: UInt32, forKey key: Key) throws { try add(key) { $0.text.write(integer: value) } }
    func encode(_ value: UInt64, forKey key: Key) throws { try add(key) { $0.text.write(integer: value) } }
    func encode(_ value: some Encodable, forKey key: Key) throws { try add(key) { try $0.write(value) } }

    private func add(_ key: Key, _ write: (JSONWriter) throws -> Void) throws {
        writer.text.begin(key.stringValue, at: container)
        try write(writer)
    }

    func nestedContainer<Nested: CodingKey>(keyedBy _: Nested.Type, forKey key: Key) -> KeyedEncodingContainer<Nested> {
        KeyedEncodingContainer(
            MemberContainer<Nested>(
                writer: writer, container: writer.text.open(key.stringValue, at: container, isObject: true))
        )
    }

    func nestedUnkeyedContainer(forKey key: Key) -> any UnkeyedEncodingContainer {
        ElementContainer(writer: writer, container: writer.text.open(key.stringValue, at: container, isObject: false))
    }

    func superEncoder() -> any Encoder { NestedEncoder(writer: writer, container: container, key: SuperKey()) }
    func superEncoder(forKey key: Key) -> any Encoder { NestedEncoder(writer: writer, container: container, key: key) }
}

private struct ElementContainer: UnkeyedEncodingContainer {
    let writer: JSONWriter
    let container: JSONText.Container
    var codingPath: [any CodingKey] { [] }
    var count: Int { writer.text.count(at: container) }

    func encodeNil() throws { try add { $0.text.writeNull() } }
    func encode(_ value: String) throws { try add { $0.text.write(value) } }
    func encode(_ value: Double) throws { try add { try $0.text.write(fraction: value) } }
    func encode(_ value: some Encodable) throws { try add { try $0.write(value) } }

    private func add(_ write: (JSONWriter) throws -> Void) throws {
        writer.text.begin(at: container)
        try write(writer)
    }

    func nestedContainer<Nested: CodingKey>(keyedBy _: Nested.Type) -> KeyedEncodingContainer<Nested> {
        KeyedEncodingContainer(
            MemberContainer<Nested>(writer: writer, container: writer.text.open(at: container, isObject: true)))
    }

    func nestedUnkeyedContainer() -> any UnkeyedEncodingContainer {
        ElementContainer(writer: writer, container: writer.text.open(at: container, isObject: false))
    }
    func superEncoder() -> any Encoder { NestedEncoder(writer: writer, container: container, key: nil) }
}

private struct SuperKey: CodingKey {
    let stringValue = "super"
    let intValue: Int? = nil
    init() {}
    init?(stringValue _: String) { nil }
    init?(intValue _: Int) { nil }
}

/// A further value in a container, for `superEncoder` and nested encoders.
private struct NestedEncoder: Encoder {
    let writer: JSONWriter
    let container: JSONText.Container
    let key: (any CodingKey)?
    var codingPath: [any CodingKey] { [] }
    var userInfo: [CodingUserInfoKey: Any] { [:] }

    func container<Nested: CodingKey>(keyedBy _: Nested.Type) -> KeyedEncodingContainer<Nested> {
        KeyedEncodingContainer(
            MemberContainer<Nested>(
                writer: writer, container: writer.text.open(key?.stringValue, at: container, isObject: true)))
    }

    func unkeyedContainer() -> any UnkeyedEncodingContainer {
        ElementContainer(writer: writer, container: writer.text.open(key?.stringValue, at: container, isObject: false))
    }

    func singleValueContainer() -> any SingleValueEncodingContainer {
        writer.text.begin(key?.stringValue, at: container)
        return writer
    }
}

extension [UInt8] {
    /// Appends the name of a member as a JSON string, in its spelling.
    fileprivate mutating func append(jsonString name: String, spelled naming: Naming) {
        guard naming == .snakeCase, name.utf8.allSatisfy(Self.isIdentifier) else {
            return append(jsonString: naming.written(name))
        }
        append(UInt8(ascii: "\""))
        naming.write(name, to: &self)
        append(UInt8(ascii: "\""))
    }

    /// A byte of an ASCII identifier, which needs no escape.
    private static func isIdentifier(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"):
            true
        default: false
        }
    }
}
