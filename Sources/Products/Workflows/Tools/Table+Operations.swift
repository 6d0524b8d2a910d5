import Foundation
import GoalGraphs
import Modules

/// What `csv_transform` and `json_transform` do.
extension Table {
    /// - Throws: ``StepFailure`` for a column that is not there, or one without numbers where they are needed.
    func applying(_ operation: TableOperation) throws(StepFailure) -> Table {
        switch operation {
        case .filter(let conditions): try filtered(by: conditions)
        case .select(let names): try selecting(names)
        case .drop(let names): try dropping(names)
        case .rename(let name, let new): try renaming(name, to: new)
        case .sort(let name, let descending): try sorted(by: name, descending: descending)
        case .limit(let count): with(rows: Array(rows.prefix(count)))
        case .aggregate(let function, let column, let group): try aggregated(function, of: column, by: group)
        case .distinct(let names): try distinct(by: names)
        case .values(let names): try selecting(names).distinct(by: [])
        case .summarise: summary
        case .convert: self
        }
    }

    private init(columns: [String], rows: [[JSONValue?]]) {
        self.columns = columns
        self.rows = rows
    }

    private func with(rows: [[JSONValue?]]) -> Table { Table(columns: columns, rows: rows) }

    private func index(of name: String) throws(StepFailure) -> Int {
        let exact = TextBytes(name)
        if let index = columns.firstIndex(where: { TextBytes($0) == exact }) { return index }
        // Sentences do not keep the case of names.
        let folded = TextBytes(name.lowercased())
        let matches = columns.indices.filter { TextBytes(columns[$0].lowercased()) == folded }
        guard matches.count == 1 else {
            throw StepFailure(
                .toolError, "The table has no column '\(name)'; it has \(columns.prefix(50).joined(separator: ", ")).")
        }
        return matches[0]
    }

    /// Each column once, so that no table grows.
    private func indices(of names: [String]) throws(StepFailure) -> [Int] {
        var found: [Int] = []
        for name in names {
            let index = try index(of: name)
            if !found.contains(index) { found.append(index) }
        }
        return found
    }

    private func filtered(by conditions: [RowCondition]) throws(StepFailure) -> Table {
        var rows = rows
        for condition in conditions {
            let index = try index(of: condition.column)
            let matcher = RowMatcher(condition)
            rows = rows.filter { matcher.holds(for: $0[index].cellText) }
        }
        return with(rows: rows)
    }

    private func selecting(_ names: [String]) throws(StepFailure) -> Table {
        let indices = try indices(of: names)
        return Table(columns: indices.map { columns[$0] }, rows: rows.map { row in indices.map { row[$0] } })
    }

    private func dropping(_ names: [String]) throws(StepFailure) -> Table {
        let dropped = Set(try indices(of: names))
        let kept = columns.indices.filter { !dropped.contains($0) }
        return Table(columns: kept.map { columns[$0] }, rows: rows.map { row in kept.map { row[$0] } })
    }

    private func renaming(_ name: String, to new: String) throws(StepFailure) -> Table {
        let index = try index(of: name)
        guard !columns.contains(where: { TextBytes($0) == TextBytes(new) }) else {
            throw StepFailure(.toolError, "The table has a column '\(new)' already.")
        }
        var table = self
        table.columns[index] = new
        return table
    }

    private func sorted(by name: String, descending: Bool) throws(StepFailure) -> Table {
        let index = try index(of: name)
        let keys = rows.map { SortKey($0[index].cellText) }
        // The order of equal rows is kept.
        let order = rows.indices.sorted { left, right in
            if keys[left] == keys[right] { return left < right }
            return descending ? keys[right] < keys[left] : keys[left] < keys[right]
        }
        return with(rows: order.map { rows[$0] })
    }

    private func aggregated(_ function: AggregateFunction, of name: String?, by group: String?) throws(StepFailure)
        -> Table
    {
        var valueIndex: Int?
        if let name { valueIndex = try index(of: name) }
        let label = name.map { "\(function.rawValue)_\($0)" } ?? function.rawValue
        guard let group else {
            return Table(columns: [label], rows: [[try Self.value(function, of: valueIndex, in: rows)]])
        }
        let groupIndex = try index(of: group)
        var names: [TextBytes] = []
        var groups: [TextBytes: [[JSONValue?]]] = [:]
        for row in rows {
            let key = TextBytes(row[groupIndex].cellText)
            if groups[key] == nil { names.append(key) }
            groups[key, default: []].append(row)
        }
        var result: [[JSONValue?]] = []
        for name in names {
            let members = groups[name] ?? []
            result.append([members[0][groupIndex] ?? .null, try Self.value(function, of: valueIndex, in: members)])
        }
        return Table(columns: [columns[groupIndex], label], rows: result)
    }

    /// Cells that are empty do not count.
    private static func value(_ function: AggregateFunction, of index: Int?, in rows: [[JSONValue?]])
        throws(StepFailure) -> JSONValue
    {
        guard let index else { return .integer(Int64(rows.count)) }
        if function == .count { return .integer(Int64(rows.count { !$0[index].cellText.isEmpty })) }
        var numbers: [TableNumber] = []
        for row in rows {
            let text = row[index].cellText
            guard !text.isEmpty else { continue }
            guard let number = TableNumber(text) else {
                throw StepFailure(.toolError, "A value of the column is no number: '\(text.prefix(40))'.")
            }
            numbers.append(number)
        }
        let sum = TableNumber(numbers.map(\.value).reduce(0, +))
        let values = numbers.map(\.value)
        return switch function {
        case .sum: sum.json
        case .average: numbers.isEmpty ? .null : sum.divided(by: numbers.count).json
        case .minimum: values.min().map { TableNumber($0).json } ?? .null
        case .maximum: values.max().map { TableNumber($0).json } ?? .null
        case .count: .integer(Int64(numbers.count))
        }
    }

    private func distinct(by names: [String]) throws(StepFailure) -> Table {
        let indices = try names.isEmpty ? Array(columns.indices) : self.indices(of: names)
        var seen: Set<[TextBytes]> = []
        return with(rows: rows.filter { row in seen.insert(indices.map { TextBytes(row[$0].cellText) }).inserted })
    }

    private var summary: Table {
        let names = ["column", "values", "distinct", "sum", "average", "minimum", "maximum"]
        let lines = columns.indices.map { index -> [JSONValue?] in
            let texts = rows.map { $0[index].cellText }.filter { !$0.isEmpty }
            let numbers = texts.compactMap { TableNumber($0) }
            let distinct = Set(texts.map(TextBytes.init)).count
            var row: [JSONValue?] = [
                .string(columns[index]), .integer(Int64(texts.count)), .integer(Int64(distinct)),
            ]
            guard !numbers.isEmpty, numbers.count == texts.count else { return row + [.null, .null, .null, .null] }
            let values = numbers.map(\.value)
            let sum = TableNumber(values.reduce(0, +))
            row += [sum.json, sum.divided(by: numbers.count).json]
            row += [values.min(), values.max()].map { $0.map { TableNumber($0).json } ?? .null }
            return row
        }
        return Table(columns: names, rows: lines)
    }
}

/// The order of cells: numbers by their value, before texts.
private struct SortKey: Comparable {
    private let number: TableNumber?
    private let text: TextBytes

    init(_ text: String) {
        number = TableNumber(text)
        self.text = TextBytes(text)
    }

    static func == (left: Self, right: Self) -> Bool {
        if let first = left.number, let second = right.number { return first.value == second.value }
        return left.number == nil && right.number == nil && left.text == right.text
    }

    static func < (left: Self, right: Self) -> Bool {
        switch (left.number, right.number) {
        case (let first?, let second?): first.value < second.value
        case (.some, nil): true
        case (nil, .some): false
        case (nil, nil): left.text < right.text
        }
    }
}
