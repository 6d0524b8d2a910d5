import Modules

/// Bounds of JSON whose form clients choose.
enum FreeForm {
    /// - Parameters:
    ///   - pointer: the position of the value in the body.
    ///   - bytesMax: of its encoding in one line.
    /// - Throws: `validation-failed` for a value that is too large or too deep, or that holds a NUL character.
    static func check(
        _ value: JSONValue, at pointer: String, bytesMax: Int = MarketplaceLimits.jsonBytesMax
    ) throws(Problem) {
        guard depth(of: value, atMost: MarketplaceLimits.jsonDepthMax) else {
            throw Problem.invalid(pointer, "must have at most \(MarketplaceLimits.jsonDepthMax) levels")
        }
        guard !hasNUL(value) else { throw Problem.invalid(pointer, "must not contain a NUL character") }
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

    private static func hasNUL(_ value: JSONValue) -> Bool {
        switch value {
        case .string(let text): text.hasNUL
        case .array(let elements): elements.contains(where: hasNUL)
        case .object(let members): members.contains { $0.key.hasNUL || hasNUL($0.value) }
        default: false
        }
    }
}
