import Base

/// A condition on one column of a row, such as `amount at_least 100`.
package struct RowCondition: Hashable, Sendable {
    package enum Comparison: String, Hashable, Sendable, CaseIterable {
        case equals
        case notEquals = "not_equals"
        case greater
        case atLeast = "at_least"
        case less
        case atMost = "at_most"
        case contains
        case notContains = "not_contains"
        case startsWith = "starts_with"
        case endsWith = "ends_with"
        case isEmpty = "is_empty"
        case isNotEmpty = "is_not_empty"

        /// Whether it compares with a value.
        package var needsValue: Bool { self != .isEmpty && self != .isNotEmpty }

        /// The comparison that holds where this one does not.
        package var negated: Comparison? {
            switch self {
            case .equals: .notEquals
            case .notEquals: .equals
            case .greater: .atMost
            case .atLeast: .less
            case .less: .atLeast
            case .atMost: .greater
            case .contains: .notContains
            case .notContains: .contains
            case .isEmpty: .isNotEmpty
            case .isNotEmpty: .isEmpty
            case .startsWith, .endsWith: nil
            }
        }
    }

    package let column: String
    package let comparison: Comparison
    /// Compared as a number where both are numbers, otherwise as text, by which dates of ISO 8601 are in order. Empty
    /// where none is needed.
    package let value: String

    package init(_ column: String, _ comparison: Comparison, _ value: String = "") {
        self.column = column
        self.comparison = comparison
        self.value = value
    }
}

extension RowCondition {
    static let parameters = [
        ToolParameter("column", .text(lengthMax: 200), "the name of the column"),
        ToolParameter("comparison", .choice(Comparison.allCases.map(\.rawValue)), "how it is compared"),
        ToolParameter("value", .text(lengthMax: 1_000), isRequired: false, "what it is compared with"),
    ]

    /// - Parameter path: of `json` in the arguments.
    init(_ json: JSONValue, path: String) throws(ArgumentFault) {
        guard let column = json["column"]?.string, !column.isEmpty else {
            throw ArgumentFault("\(path).column", "is not the name of a column")
        }
        guard let comparison = json["comparison"]?.string.flatMap(Comparison.init) else {
            throw ArgumentFault("\(path).comparison", "is not a comparison")
        }
        let value = json["value"]?.string
        guard comparison.needsValue == (value != nil) else {
            throw ArgumentFault("\(path).value", value == nil ? "is missing" : "is not used by \(comparison.rawValue)")
        }
        self.init(column, comparison, value ?? "")
    }

    var json: JSONValue {
        var members: [String: JSONValue] = ["column": .string(column), "comparison": .string(comparison.rawValue)]
        if comparison.needsValue { members["value"] = .string(value) }
        return .object(members)
    }
}

extension RowCondition: CustomStringConvertible {
    /// Such as `amount is at least 100`.
    package var description: String {
        "\(column) \(comparison.phrase)\(comparison.needsValue ? " \(value)" : "")"
    }
}

extension RowCondition.Comparison {
    /// Between a column and a value.
    fileprivate var phrase: String {
        switch self {
        case .equals: "is"
        case .notEquals: "is not"
        case .greater: "is greater than"
        case .atLeast: "is at least"
        case .less: "is less than"
        case .atMost: "is at most"
        case .contains: "contains"
        case .notContains: "does not contain"
        case .startsWith: "starts with"
        case .endsWith: "ends with"
        case .isEmpty: "is empty"
        case .isNotEmpty: "is not empty"
        }
    }
}
