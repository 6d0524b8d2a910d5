import Modules

/// Bounds of JSON whose form clients choose.
enum FreeForm {
    /// - Parameters:
    ///   - pointer: the position of the value in the body.
    ///   - bytesMax: of its encoding in one line.
    /// - Throws: `validation-failed` for a value that is too large or too deep, or that holds a NUL character or a number
    ///   whose digits would be lost.
    static func check(
        _ value: JSONValue, at pointer: String, bytesMax: Int = MarketplaceLimits.jsonBytesMax
    ) throws(Problem) {
        guard depth(of: value, atMost: MarketplaceLimits.jsonDepthMax) else {
            throw Problem.invalid(pointer, "must have at most \(MarketplaceLimits.jsonDepthMax) levels")
        }
        guard !holds(value, where: isTooLarge) else {
            throw Problem.invalid(pointer, "must not contain a whole number of more than 64 bits: send it as text")
        }
        guard !holds(value, where: { $0.string?.hasNUL ?? false }) else {
            throw Problem.invalid(pointer, "must not contain a NUL character")
        }
        guard try StoredJSON.text(value).utf8.count <= bytesMax else {
            throw Problem.invalid(pointer, "must have at most \(bytesMax) bytes as JSON")
        }
    }

    private static func depth(of value: JSONValue, atMost rest: Int) -> Bool {
        switch value {
        case .array(let elements): rest > 0 && elements.allSatisfy { depth(of: $0, atMost: rest - 1) }
        case .object(let members): rest > 0 && members.values.allSatisfy { depth(of: $0, atMost: rest - 1) }
        default: true
        }
    }

    /// A number beyond 64 bits is read as a binary float, which does not keep its digits.
    private static func isTooLarge(_ value: JSONValue) -> Bool {
        if case .number(let number) = value { number.magnitude >= 0x1p63 } else { false }
    }

    private static func holds(_ value: JSONValue, where condition: (JSONValue) -> Bool) -> Bool {
        switch value {
        case .array(let elements): elements.contains { holds($0, where: condition) }
        case .object(let members):
            members.contains { condition(.string($0.key)) || holds($0.value, where: condition) }
        default: condition(value)
        }
    }
}
