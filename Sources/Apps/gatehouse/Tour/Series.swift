import Modules

/// The use of a file: its label, its kind and its hours before and after the time of a dataset.
struct Series: Sendable {
    let label: String
    /// input or output.
    let kind: String
    let hours: ClosedRange<Int64>

    static let seattleBefore = Series(label: "Seattle", kind: "input", hours: -5...0)
    static let sanFranciscoBefore = Series(label: "San Francisco", kind: "input", hours: -5...0)
    static let seattleAfter = Series(label: "Seattle", kind: "output", hours: 1...6)

    var metadata: [String: JSONValue] {
        [
            "type": .string(kind), "bezeichnung": .string(label), "skalierung": "ja",
            "zeithorizontStart": .integer(hours.lowerBound), "zeithorizontEnd": .integer(hours.upperBound),
        ]
    }
}
