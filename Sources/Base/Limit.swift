/// The limit of a plan: a number or unlimited. Encoded as an integer; −1 means unlimited.
package enum Limit: Hashable, Sendable {
    case upTo(Int64)
    case unlimited

    /// - Returns: nil for a negative number other than −1.
    package init?(_ value: Int64) {
        switch value {
        case -1: self = .unlimited
        case 0...: self = .upTo(value)
        default: return nil
        }
    }

    package var value: Int64 {
        switch self {
        case .upTo(let value): value
        case .unlimited: -1
        }
    }

    /// The bound that a guarded statement compares amounts with; for unlimited a number that no amount reaches.
    package var bound: Int64 {
        switch self {
        case .upTo(let value): value
        case .unlimited: Int64.max / 4
        }
    }

    package func allows(_ amount: Int64) -> Bool { amount <= bound }
}

extension Limit: Codable {
    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        guard let limit = Limit(try container.decode(Int64.self)) else {
            throw DecodingError.dataCorruptedError(
                in: container, debugDescription: "a limit is 0 or more, or -1 for unlimited")
        }
        self = limit
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(value)
    }
}
