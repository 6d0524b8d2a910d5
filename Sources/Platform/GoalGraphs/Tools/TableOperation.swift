package import Base

/// What `csv_transform` and `json_transform` do with a table: the arguments beside `input`.
package enum TableOperation: Hashable, Sendable {
    /// Keeps the rows for which all conditions hold.
    case filter([RowCondition])
    /// Keeps the columns, in this order.
    case select([String])
    /// Removes the columns.
    case drop([String])
    case rename(String, to: String)
    case sort(by: String, descending: Bool)
    /// Keeps the first rows.
    case limit(Int)
    /// One row, or one for each value of the column `by`.
    case aggregate(AggregateFunction, of: String?, by: String?)
    /// Keeps the first row of each combination of values of the columns; of all columns where there are none.
    case distinct([String])
    /// Keeps only the columns, and each combination of their values once.
    case values([String])
    /// One row for each column: its name, the number of its values and of its distinct values, and of numbers the sum,
    /// average, minimum and maximum.
    case summarise
    /// CSV into JSON, JSON into CSV.
    case convert
}

extension TableOperation {
    static let parameter = "operation"

    /// The names of the operations.
    package enum Name: String, Hashable, Sendable, CaseIterable {
        case filter, select, drop, rename, sort, limit, aggregate, distinct, values, summarise, convert
    }

    private static let columnsMax = 100
    private static let conditionsMax = 20
    package static let rowsMax = 1_000_000

    static let parameters = [
        ToolParameter(parameter, .choice(Name.allCases.map(\.rawValue)), "what is done"),
        ToolParameter(
            "conditions", .list(.record(RowCondition.parameters), count: 1...conditionsMax), isRequired: false,
            "filter: all hold for the rows that are kept"),
        ToolParameter(
            "columns", .list(.text(lengthMax: 200), count: 0...columnsMax), isRequired: false,
            "select, drop, distinct, values: names of columns"),
        ToolParameter(
            "column", .text(lengthMax: 200), isRequired: false, "rename, sort, aggregate: the name of a column"),
        ToolParameter("name", .text(lengthMax: 200), isRequired: false, "rename: the new name"),
        ToolParameter(
            "order", .choice(["ascending", "descending"]), isRequired: false, "sort: ascending where it is left out"),
        ToolParameter(
            "count", .integer(1...Int64(rowsMax)), isRequired: false, "limit: the number of rows that are kept"),
        ToolParameter(
            "function", .choice(AggregateFunction.allCases.map(\.rawValue)), isRequired: false,
            "aggregate: the function"),
        ToolParameter(
            "group_by", .text(lengthMax: 200), isRequired: false, "aggregate: a row for each value of this column"),
    ]

    /// Reads the arguments of a tool whose parameters were checked; members of other operations are faults.
    package init(arguments: [String: JSONValue]) throws(ArgumentFault) {
        var reader = ArgumentReader(arguments)
        guard let name = try reader.text(Self.parameter).flatMap(Name.init) else {
            throw ArgumentFault(Self.parameter, "is not an operation")
        }
        switch name {
        case .filter: self = .filter(try reader.conditions())
        case .select: self = .select(try reader.columns())
        case .drop: self = .drop(try reader.columns())
        case .rename: self = .rename(try reader.required("column"), to: try reader.required("name"))
        case .sort:
            self = .sort(by: try reader.required("column"), descending: try reader.text("order") == "descending")
        case .limit:
            guard let count = reader.integer("count") else { throw ArgumentFault("count", "is missing") }
            self = .limit(Int(count))
        case .aggregate:
            guard let function = try reader.text("function").flatMap(AggregateFunction.init) else {
                throw ArgumentFault("function", "is missing")
            }
            let column = try function == .count ? nil : reader.required("column")
            self = .aggregate(function, of: column, by: try reader.text("group_by"))
        case .distinct: self = .distinct(try reader.columns(areRequired: false))
        case .values: self = .values(try reader.columns())
        case .summarise: self = .summarise
        case .convert: self = .convert
        }
        try reader.finish(name.rawValue)
    }

    /// The arguments beside `input`.
    package var arguments: [String: JSONValue] {
        func texts(_ values: [String]) -> JSONValue { .array(values.map(JSONValue.string)) }
        var arguments: [String: JSONValue] = [:]
        let name: Name
        switch self {
        case .filter(let conditions): (name, arguments["conditions"]) = (.filter, .array(conditions.map(\.json)))
        case .select(let columns): (name, arguments["columns"]) = (.select, texts(columns))
        case .drop(let columns): (name, arguments["columns"]) = (.drop, texts(columns))
        case .rename(let column, let newName):
            name = .rename
            arguments = ["column": .string(column), "name": .string(newName)]
        case .sort(let column, let descending):
            name = .sort
            arguments = ["column": .string(column), "order": descending ? "descending" : "ascending"]
        case .limit(let count): (name, arguments["count"]) = (.limit, .integer(Int64(count)))
        case .aggregate(let function, let column, let group):
            name = .aggregate
            arguments["function"] = .string(function.rawValue)
            arguments["column"] = column.map(JSONValue.string)
            arguments["group_by"] = group.map(JSONValue.string)
        case .distinct(let columns): (name, arguments["columns"]) = (.distinct, columns.isEmpty ? nil : texts(columns))
        case .values(let columns): (name, arguments["columns"]) = (.values, texts(columns))
        case .summarise: name = .summarise
        case .convert: name = .convert
        }
        arguments[Self.parameter] = .string(name.rawValue)
        return arguments
    }
}

/// Reads arguments by name, and knows which were not read.
private struct ArgumentReader {
    private var rest: [String: JSONValue]

    init(_ arguments: [String: JSONValue]) {
        rest = arguments
        rest["input"] = nil
    }

    mutating func text(_ name: String) throws(ArgumentFault) -> String? {
        guard let value = rest.removeValue(forKey: name) else { return nil }
        guard let text = value.string else { throw ArgumentFault(name, "is not a text") }
        return text
    }

    mutating func required(_ name: String) throws(ArgumentFault) -> String {
        guard let text = try text(name), !text.isEmpty else { throw ArgumentFault(name, "is missing") }
        return text
    }

    mutating func integer(_ name: String) -> Int64? { rest.removeValue(forKey: name)?.integer }

    mutating func columns(areRequired: Bool = true) throws(ArgumentFault) -> [String] {
        let columns = rest.removeValue(forKey: "columns")?.array ?? []
        guard !columns.isEmpty || !areRequired else { throw ArgumentFault("columns", "is missing") }
        var names: [String] = []
        for (index, column) in columns.enumerated() {
            guard let name = column.string, !name.isEmpty else {
                throw ArgumentFault("columns[\(index)]", "is not the name of a column")
            }
            names.append(name)
        }
        return names
    }

    mutating func conditions() throws(ArgumentFault) -> [RowCondition] {
        guard let values = rest.removeValue(forKey: "conditions")?.array, !values.isEmpty else {
            throw ArgumentFault("conditions", "is missing")
        }
        var conditions: [RowCondition] = []
        for (index, value) in values.enumerated() {
            conditions.append(try RowCondition(value, path: "conditions[\(index)]"))
        }
        return conditions
    }

    func finish(_ operation: String) throws(ArgumentFault) {
        guard let name = rest.keys.min() else { return }
        throw ArgumentFault(name, "is not used by \(operation)")
    }
}
