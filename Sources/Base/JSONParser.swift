extension JSONValue {
    /// Parses JSON text (RFC 8259), strictly and in one pass.
    ///
    /// For untrusted bodies: `JSONDecoder` determines the type of a value by trying one type after another, and a
    /// failed try costs more the deeper the value is nested, so that a kilobyte of brackets takes a second.
    package init(parsing bytes: some Sequence<UInt8>) throws(JSONFault) {
        var parser = JSONParser(Array(bytes))
        self = try parser.whole()
    }
}

/// Why a text is not accepted as JSON.
package struct JSONFault: Error, Hashable, CustomStringConvertible {
    /// Completes "The body is not valid JSON: ".
    package let reason: String
    /// In bytes from the start.
    package let offset: Int

    package init(reason: String, offset: Int) {
        self.reason = reason
        self.offset = offset
    }

    package var description: String { "\(reason) at byte \(offset)" }
}

private struct JSONParser {
    private let bytes: [UInt8]
    private var position = 0
    private var depth = 0

    /// Nested objects and arrays. No payload of the API needs as many.
    private static let depthMax = 64

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    mutating func whole() throws(JSONFault) -> JSONValue {
        let value = try value()
        skipSpace()
        guard position == bytes.count else { throw fault("there is something after the value") }
        return value
    }

    private mutating func value() throws(JSONFault) -> JSONValue {
        skipSpace()
        switch try peek() {
        case UInt8(ascii: "{"): return try nested { parser throws(JSONFault) in try parser.object() }
        case UInt8(ascii: "["): return try nested { parser throws(JSONFault) in try parser.array() }
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return try word("true", .bool(true))
        case UInt8(ascii: "f"): return try word("false", .bool(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        default: return try number()
        }
    }

    private mutating func nested(_ body: (inout JSONParser) throws(JSONFault) -> JSONValue) throws(JSONFault)
        -> JSONValue
    {
        guard depth < Self.depthMax else { throw fault("it is nested more than \(Self.depthMax) levels deep") }
        depth += 1
        position += 1
        let value = try body(&self)
        depth -= 1
        return value
    }

    private mutating func object() throws(JSONFault) -> JSONValue {
        var members: [String: JSONValue] = [:]
        skipSpace()
        if try take(UInt8(ascii: "}")) { return .object(members) }
        while true {
            skipSpace()
            let start = position
            guard try peek() == UInt8(ascii: "\"") else { throw fault("a name is expected") }
            let name = try string()
            skipSpace()
            guard try take(UInt8(ascii: ":")) else { throw fault("a colon is expected") }
            // Parsers disagree on which of two members with the same name is used, so a validated value could differ
            // from the used one.
            guard members.updateValue(try value(), forKey: name) == nil else {
                throw JSONFault(reason: "a name is there twice", offset: start)
            }
            skipSpace()
            if try take(UInt8(ascii: "}")) { return .object(members) }
            guard try take(UInt8(ascii: ",")) else { throw fault("a comma or the end of the object is expected") }
        }
    }

    private mutating func array() throws(JSONFault) -> JSONValue {
        var elements: [JSONValue] = []
        skipSpace()
        if try take(UInt8(ascii: "]")) { return .array(elements) }
        while true {
            elements.append(try value())
            skipSpace()
            if try take(UInt8(ascii: "]")) { return .array(elements) }
            guard try take(UInt8(ascii: ",")) else { throw fault("a comma or the end of the array is expected") }
        }
    }

    private mutating func word(_ word: StaticString, _ value: JSONValue) throws(JSONFault) -> JSONValue {
        let expected = UnsafeBufferPointer(start: word.utf8Start, count: word.utf8CodeUnitCount)
        guard bytes[position...].starts(with: expected) else { throw fault("a value is expected") }
        position += expected.count
        return value
    }

    // MARK: Numbers

    private mutating func number() throws(JSONFault) -> JSONValue {
        let start = position
        _ = skip(UInt8(ascii: "-"))
        let first = position
        guard skipDigits() > 0 else { throw fault("a value is expected") }
        if bytes[first] == UInt8(ascii: "0"), position - first > 1 {
            throw JSONFault(reason: "a number begins with 0", offset: start)
        }
        var isWhole = true
        if skip(UInt8(ascii: ".")) {
            isWhole = false
            guard skipDigits() > 0 else { throw fault("a digit is expected") }
        }
        if skip(UInt8(ascii: "e")) || skip(UInt8(ascii: "E")) {
            isWhole = false
            _ = skip(UInt8(ascii: "+")) || skip(UInt8(ascii: "-"))
            guard skipDigits() > 0 else { throw fault("a digit is expected") }
        }
        let text = String(decoding: bytes[start..<position], as: UTF8.self)
        if isWhole, let integer = Int64(text) { return .integer(integer) }
        guard let number = Double(text), number.isFinite else {
            throw JSONFault(reason: "a number is too large", offset: start)
        }
        // A Double keeps 15 significant digits of any number, and some longer numbers.
        guard !isWhole, text.utf8.count > 15,
            DecimalNumber(text).map({ $0 != DecimalNumber(number.description) }) ?? true
        else { return .number(number) }
        return .decimal(text)
    }

    private mutating func skipDigits() -> Int {
        let start = position
        while position < bytes.count, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(bytes[position]) {
            position += 1
        }
        return position - start
    }

    // MARK: Strings

    private mutating func string() throws(JSONFault) -> String {
        position += 1
        let start = position
        // Most strings are ASCII without escapes: they are copied in one piece, and need no validation.
        skipPlainText()
        if position < bytes.count, bytes[position] == UInt8(ascii: "\"") {
            defer { position += 1 }
            return String(decoding: bytes[start..<position], as: UTF8.self)
        }
        var collected: [UInt8] = []
        var from = start
        while true {
            let byte = try peek()
            guard byte >= 0x20 else { throw fault("a control character stands in a string") }
            guard byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") else {
                position += 1
                continue
            }
            let plain = bytes[from..<position]
            position += 1
            if byte == UInt8(ascii: "\"") {
                let text =
                    from == start
                    ? String(validating: plain, as: UTF8.self) : String(validating: collected + plain, as: UTF8.self)
                guard let text else { throw JSONFault(reason: "a string is not UTF-8", offset: start) }
                return text
            }
            collected += plain
            collected += try escape().utf8
            from = position
        }
    }

    private mutating func skipPlainText() {
        position = bytes.withUnsafeBufferPointer { [position] bytes in
            var end = position
            while end < bytes.count, (0x20..<0x80).contains(bytes[end]), bytes[end] != UInt8(ascii: "\""),
                bytes[end] != UInt8(ascii: "\\")
            { end += 1 }
            return end
        }
    }

    /// The characters after a backslash.
    private mutating func escape() throws(JSONFault) -> String {
        let byte = try peek()
        position += 1
        switch byte {
        case UInt8(ascii: "\""): return "\""
        case UInt8(ascii: "\\"): return "\\"
        case UInt8(ascii: "/"): return "/"
        case UInt8(ascii: "b"): return "\u{8}"
        case UInt8(ascii: "f"): return "\u{C}"
        case UInt8(ascii: "n"): return "\n"
        case UInt8(ascii: "r"): return "\r"
        case UInt8(ascii: "t"): return "\t"
        case UInt8(ascii: "u"): return String(try escapedScalar())
        default: throw fault("an unknown escape stands in a string")
        }
    }

    /// Four hexadecimal digits, or two times four for a surrogate pair.
    private mutating func escapedScalar() throws(JSONFault) -> Character {
        let high = try codeUnit()
        if let scalar = UnicodeScalar(high) { return Character(scalar) }
        guard skip(UInt8(ascii: "\\")), skip(UInt8(ascii: "u")) else {
            throw fault("a string contains an unpaired surrogate")
        }
        let low = try codeUnit()
        guard UTF16.isLeadSurrogate(high), UTF16.isTrailSurrogate(low) else {
            throw fault("a string contains an unpaired surrogate")
        }
        return Character(UTF16.decode(UTF16.EncodedScalar([high, low])))
    }

    private mutating func codeUnit() throws(JSONFault) -> UInt16 {
        guard position + 4 <= bytes.count else { throw fault("four hexadecimal digits are expected") }
        var unit: UInt16 = 0
        for digit in bytes[position..<position + 4] {
            guard let value = Hex.value(of: digit) else { throw fault("four hexadecimal digits are expected") }
            unit = unit << 4 | UInt16(value)
        }
        position += 4
        return unit
    }

    // MARK: Bytes

    private func peek() throws(JSONFault) -> UInt8 {
        guard position < bytes.count else { throw fault("it ends too early") }
        return bytes[position]
    }

    /// - Returns: whether the next byte was `byte` and was consumed.
    private mutating func take(_ byte: UInt8) throws(JSONFault) -> Bool {
        guard try peek() == byte else { return false }
        position += 1
        return true
    }

    private mutating func skip(_ byte: UInt8) -> Bool {
        guard position < bytes.count, bytes[position] == byte else { return false }
        position += 1
        return true
    }

    private mutating func skipSpace() {
        while position < bytes.count,
            bytes[position] == 0x20 || bytes[position] == 0x0A || bytes[position] == 0x0D || bytes[position] == 0x09
        { position += 1 }
    }

    private func fault(_ reason: String) -> JSONFault { JSONFault(reason: reason, offset: position) }
}
