import Base
import NIOCore

/// Writes payloads as JSON: members in the order of their names, spelled as the payload says.
///
/// Every answer passes here. Foundation's encoder takes many times as long for an answer of usual size, most of it for
/// the spelling of names and for the tree of values that it builds first: here a value is written where it stands, and
/// an object's members change places at its end.
enum PayloadWriter {
    /// - Throws: `EncodingError` for a number that JSON cannot hold, and what the value's own coding throws.
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

/// JSON as far as it is written: it is told one value after another, and the members of an object or the elements of an
/// array one after another as well.
private struct JSONText {
    private(set) var bytes: [UInt8] = []
    let naming: Naming
    /// The objects and arrays that are not at their end yet, each within the one before it.
    private var frames: [Frame] = []
    /// Members of the objects among them; those of the innermost come last.
    private var members: [Member] = []
    private var moved: [UInt8] = []
    private var framesSoFar = 0
    /// The first thing that was told a container too late. Containers within it are asked for in calls that cannot
    /// throw: it is said at the end.
    private var fault: EncodingError?

    private struct Frame {
        let number: Int
        let isObject: Bool
        let names: Naming
        let firstMember: Int
        /// Where its first member or element begins.
        let start: Int
        var count = 0
    }

    private struct Member {
        let start: Int
        let nameEnd: Int
    }

    /// A container that somebody holds: it may be told something as long as its frame is open.
    struct Place {
        fileprivate let level: Int
        fileprivate let number: Int
    }

    private static let usualBytes = 1_024

    init(_ naming: Naming) {
        self.naming = naming
        bytes.reserveCapacity(Self.usualBytes)
    }

    /// The whole of it.
    /// - Throws: `EncodingError` where a container was told something after its end, because another had been told
    ///   something meanwhile.
    func finished() throws -> [UInt8] {
        if let fault { throw fault }
        return bytes
    }

    /// How many objects and arrays are not at their end.
    var depth: Int { frames.count }

    // MARK: Values

    mutating func writeNull() { bytes.append(contentsOf: "null".utf8) }
    mutating func write(_ value: Bool) { bytes.append(contentsOf: (value ? "true" : "false").utf8) }
    mutating func write(_ value: String) { bytes.append(quoted: value) }
    mutating func write(integer value: some FixedWidthInteger) { bytes.append(contentsOf: value.description.utf8) }
    mutating func writeEmptyObject() { bytes.append(contentsOf: "{}".utf8) }

    mutating func write(fraction value: some BinaryFloatingPoint & CustomStringConvertible) throws {
        guard value.isFinite else {
            throw EncodingError.invalidValue(
                value, EncodingError.Context(codingPath: [], debugDescription: "JSON has no such number"))
        }
        write(number: value.description)
    }

    /// A whole number is written as one.
    private mutating func write(number: String) {
        bytes.append(contentsOf: number.hasSuffix(".0") ? number.dropLast(2).utf8 : number[...].utf8)
    }

    mutating func write(_ value: JSONValue) {
        switch value {
        case .null: writeNull()
        case .bool(let value): write(value)
        case .integer(let value): write(integer: value)
        case .number(let value): if value.isFinite { write(number: value.description) } else { writeNull() }
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

    /// The object or array at a depth, where there is one already.
    func place(at depth: Int, isObject: Bool) -> Place? {
        guard frames.count > depth, frames[depth].isObject == isObject else { return nil }
        return Place(level: depth, number: frames[depth].number)
    }

    /// Begins an object or array where the text ends.
    mutating func open(isObject: Bool, names: Naming? = nil) -> Place {
        bytes.append(isObject ? UInt8(ascii: "{") : UInt8(ascii: "["))
        framesSoFar += 1
        frames.append(
            Frame(
                number: framesSoFar, isObject: isObject, names: names ?? naming, firstMember: members.count,
                start: bytes.count))
        return Place(level: frames.count - 1, number: framesSoFar)
    }

    func count(at place: Place) -> Int { isOpen(place) ? frames[place.level].count : 0 }

    /// Begins the next element of an array, or the next member of an object, whose value is to follow.
    /// What comes after the container's end makes the whole text void (``finished()``).
    mutating func begin(_ name: String? = nil, at place: Place) {
        guard isOpen(place) else {
            let context = EncodingError.Context(
                codingPath: [], debugDescription: "containers are told one after another")
            fault = fault ?? EncodingError.invalidValue(name ?? "", context)
            return
        }
        close(to: place.level + 1)
        if frames[place.level].count > 0 { bytes.append(UInt8(ascii: ",")) }
        frames[place.level].count += 1
        guard let name else { return }
        let start = bytes.count
        bytes.append(quoted: name, spelled: frames[place.level].names)
        members.append(Member(start: start, nameEnd: bytes.count - 1))
        bytes.append(UInt8(ascii: ":"))
    }

    /// Begins an object or array as the next element or member of another.
    mutating func open(_ name: String? = nil, at place: Place, isObject: Bool) -> Place {
        begin(name, at: place)
        return open(isObject: isObject)
    }

    private func isOpen(_ place: Place) -> Bool {
        place.level < frames.count && frames[place.level].number == place.number
    }

    /// Ends what is open until `depth` frames are left.
    mutating func close(to depth: Int) {
        while frames.count > depth, let frame = frames.popLast() {
            if frame.isObject { sort(frame) }
            bytes.append(frame.isObject ? UInt8(ascii: "}") : UInt8(ascii: "]"))
        }
    }

    /// Puts the members of an object that has come to its end into the order of their names.
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
            // Behind each member stands the comma before the next.
            let memberEnd = (place + 1 < places.upperBound ? members[place + 1].start : end) - 1
            bytes.append(contentsOf: moved[members[place].start - frame.start..<memberEnd - frame.start])
        }
    }

    private func isBefore(_ first: Member, _ second: Member, in text: [UInt8], from start: Int) -> Bool {
        text[first.start - start..<first.nameEnd - start].lexicographicallyPrecedes(
            text[second.start - start..<second.nameEnd - start])
    }
}

/// Lets values write themselves into a text.
private final class JSONWriter {
    var text: JSONText
    /// Of the value that is writing itself: how many objects and arrays there were before it, and its type.
    private var base = 0
    private var type: Any.Type = Never.self

    init(_ naming: Naming) { text = JSONText(naming) }

    func write<Value: Encodable>(_ value: Value) throws {
        if Value.self == JSONValue.self, let free = value as? JSONValue { return text.write(free) }
        let outer = (base, type)
        let start = text.bytes.count
        (base, type) = (text.depth, Value.self)
        try value.encode(to: self)
        text.close(to: base)
        (base, type) = outer
        // A value that says nothing of itself is an empty object, as a payload without properties is.
        if text.bytes.count == start { text.writeEmptyObject() }
    }

    /// The object or array that the value which is writing itself is.
    func ownPlace(isObject: Bool) -> JSONText.Place {
        // The names of a map's entries are data and stand as they are.
        text.place(at: base, isObject: isObject)
            ?? text.open(isObject: isObject, names: type is any MapOfNames.Type ? .asDeclared : nil)
    }
}

private protocol MapOfNames {}
extension Dictionary: MapOfNames where Key == String {}

// MARK: - What values write themselves to

extension JSONWriter: Encoder, SingleValueEncodingContainer {
    var codingPath: [any CodingKey] { [] }
    var userInfo: [CodingUserInfoKey: Any] { [:] }

    func container<Key: CodingKey>(keyedBy _: Key.Type) -> KeyedEncodingContainer<Key> {
        KeyedEncodingContainer(MemberContainer(writer: self, place: ownPlace(isObject: true)))
    }

    func unkeyedContainer() -> any UnkeyedEncodingContainer {
        ElementContainer(writer: self, place: ownPlace(isObject: false))
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
    let place: JSONText.Place
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
        writer.text.begin(key.stringValue, at: place)
        try write(writer)
    }

    func nestedContainer<Nested: CodingKey>(keyedBy _: Nested.Type, forKey key: Key) -> KeyedEncodingContainer<Nested> {
        KeyedEncodingContainer(
            MemberContainer<Nested>(writer: writer, place: writer.text.open(key.stringValue, at: place, isObject: true))
        )
    }

    func nestedUnkeyedContainer(forKey key: Key) -> any UnkeyedEncodingContainer {
        ElementContainer(writer: writer, place: writer.text.open(key.stringValue, at: place, isObject: false))
    }

    func superEncoder() -> any Encoder { FurtherEncoder(writer: writer, place: place, key: SuperKey()) }
    func superEncoder(forKey key: Key) -> any Encoder { FurtherEncoder(writer: writer, place: place, key: key) }
}

private struct ElementContainer: UnkeyedEncodingContainer {
    let writer: JSONWriter
    let place: JSONText.Place
    var codingPath: [any CodingKey] { [] }
    var count: Int { writer.text.count(at: place) }

    func encodeNil() throws { try add { $0.text.writeNull() } }
    func encode(_ value: String) throws { try add { $0.text.write(value) } }
    func encode(_ value: Double) throws { try add { try $0.text.write(fraction: value) } }
    func encode(_ value: some Encodable) throws { try add { try $0.write(value) } }

    private func add(_ write: (JSONWriter) throws -> Void) throws {
        writer.text.begin(at: place)
        try write(writer)
    }

    func nestedContainer<Nested: CodingKey>(keyedBy _: Nested.Type) -> KeyedEncodingContainer<Nested> {
        KeyedEncodingContainer(
            MemberContainer<Nested>(writer: writer, place: writer.text.open(at: place, isObject: true)))
    }

    func nestedUnkeyedContainer() -> any UnkeyedEncodingContainer {
        ElementContainer(writer: writer, place: writer.text.open(at: place, isObject: false))
    }
    func superEncoder() -> any Encoder { FurtherEncoder(writer: writer, place: place, key: nil) }
}

private struct SuperKey: CodingKey {
    let stringValue = "super"
    let intValue: Int? = nil
    init() {}
    init?(stringValue _: String) { nil }
    init?(intValue _: Int) { nil }
}

/// One more value in a container, written when it is told.
private struct FurtherEncoder: Encoder {
    let writer: JSONWriter
    let place: JSONText.Place
    let key: (any CodingKey)?
    var codingPath: [any CodingKey] { [] }
    var userInfo: [CodingUserInfoKey: Any] { [:] }

    func container<Nested: CodingKey>(keyedBy _: Nested.Type) -> KeyedEncodingContainer<Nested> {
        KeyedEncodingContainer(
            MemberContainer<Nested>(
                writer: writer, place: writer.text.open(key?.stringValue, at: place, isObject: true)))
    }

    func unkeyedContainer() -> any UnkeyedEncodingContainer {
        ElementContainer(writer: writer, place: writer.text.open(key?.stringValue, at: place, isObject: false))
    }

    func singleValueContainer() -> any SingleValueEncodingContainer {
        writer.text.begin(key?.stringValue, at: place)
        return writer
    }
}

extension [UInt8] {
    /// Appends `string` as JSON has it (RFC 8259, section 7).
    fileprivate mutating func append(quoted string: String) {
        append(UInt8(ascii: "\""))
        // Most text has nothing to escape and is taken as it is.
        if string.hasToBeEscaped {
            for byte in string.utf8 { append(escaping: byte) }
        } else {
            append(contentsOf: string.utf8)
        }
        append(UInt8(ascii: "\""))
    }

    /// As ``append(quoted:)`` of a name, in its spelling.
    fileprivate mutating func append(quoted name: String, spelled naming: Naming) {
        guard naming == .snakeCase, !name.hasToBeEscaped else { return append(quoted: naming.written(name)) }
        append(UInt8(ascii: "\""))
        naming.write(name, to: &self)
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

extension String {
    fileprivate var hasToBeEscaped: Bool {
        func has(_ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
            for byte in bytes where byte < 32 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") {
                return true
            }
            return false
        }
        if let answer = utf8.withContiguousStorageIfAvailable(has) { return answer }
        var copy = self
        return copy.withUTF8(has)
    }
}
