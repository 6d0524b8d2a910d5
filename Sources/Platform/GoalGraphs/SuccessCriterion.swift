import Base

/// A condition on the output of a node that a program can check.
package enum SuccessCriterion: Hashable, Sendable {
    /// The output has a character that is not white space.
    case notEmpty
    /// The output contains the text, in the same case.
    case contains(String)
    /// The HTTP status, or the exit status of a command.
    case statusIs(Int)
    /// The output is one JSON value (RFC 8259).
    case validJSON
    /// The output is a table or a list of at least as many rows.
    case rowsAtLeast(Int)

    package func isMet(by output: NodeOutput) -> Bool {
        switch self {
        case .notEmpty: output.text.contains { !$0.isWhitespace }
        case .contains(let text): ByteSearch(for: text).isFound(in: output.text)
        case .statusIs(let status): output.status == status
        case .validJSON: (try? JSONValue(parsing: output.text.utf8)) != nil
        case .rowsAtLeast(let count): output.rows.map { $0 >= count } ?? false
        }
    }
}

extension SuccessCriterion: CustomStringConvertible {
    package var description: String {
        switch self {
        case .notEmpty: "the output is not empty"
        case .contains(let text): "the output contains '\(text)'"
        case .statusIs(let status): "the status is \(status)"
        case .validJSON: "the output is valid JSON"
        case .rowsAtLeast(let count): "there are at least \(count) rows"
        }
    }
}

/// As `{"kind": "contains", "value": "total"}`; `not_empty` and `valid_json` have no value.
extension SuccessCriterion: Codable {
    package enum Kind: String, Sendable, CaseIterable, Codable {
        case notEmpty = "not_empty"
        case contains
        case statusIs = "status_is"
        case validJSON = "valid_json"
        case rowsAtLeast = "rows_at_least"
    }

    private enum CodingKeys: String, CodingKey { case kind, value }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        self =
            switch try container.decode(Kind.self, forKey: .kind) {
            case .notEmpty: .notEmpty
            case .contains: .contains(try container.decode(String.self, forKey: .value))
            case .statusIs: .statusIs(try container.decode(Int.self, forKey: .value))
            case .validJSON: .validJSON
            case .rowsAtLeast: .rowsAtLeast(try container.decode(Int.self, forKey: .value))
            }
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        switch self {
        case .notEmpty: try container.encode(Kind.notEmpty, forKey: .kind)
        case .contains(let text):
            try container.encode(Kind.contains, forKey: .kind)
            try container.encode(text, forKey: .value)
        case .statusIs(let status):
            try container.encode(Kind.statusIs, forKey: .kind)
            try container.encode(status, forKey: .value)
        case .validJSON: try container.encode(Kind.validJSON, forKey: .kind)
        case .rowsAtLeast(let count):
            try container.encode(Kind.rowsAtLeast, forKey: .kind)
            try container.encode(count, forKey: .value)
        }
    }
}
