import Modules

/// Rows with named columns, of CSV (RFC 4180) or of a JSON array of objects.
struct Table: Sendable {
    var columns: [String]
    /// As many cells in each row as there are columns.
    var rows: [[JSONValue]]

    static let rowsMax = 100_000
    static let columnsMax = 500

    /// - Throws: ``StepFailure`` for text that is no table.
    init(csv text: String) throws(StepFailure) {
        var reader = CSVReader(text)
        guard let header = try reader.next() else { throw StepFailure(.toolError, "The table is empty.") }
        guard header.count <= Self.columnsMax else {
            throw StepFailure(.resourceExhaustion, "The table has more than \(Self.columnsMax) columns.")
        }
        columns = header
        guard Set(columns.map(TextBytes.init)).count == columns.count else {
            throw StepFailure(.toolError, "Two columns of the table have the same name.")
        }
        rows = []
        while let cells = try reader.next() {
            guard rows.count < Self.rowsMax else {
                throw StepFailure(.resourceExhaustion, "The table has more than \(Self.rowsMax) rows.")
            }
            guard cells.count == columns.count else {
                throw StepFailure(
                    .toolError, "Row \(rows.count + 1) of the table has \(cells.count) cells, not \(columns.count).")
            }
            rows.append(cells.map { .string($0) })
        }
    }

    /// - Throws: ``StepFailure`` for text that is no JSON array of objects.
    init(json text: String) throws(StepFailure) {
        let value: JSONValue
        do { value = try JSONValue(parsing: text.utf8) } catch {
            throw StepFailure(.toolError, "The input is not valid JSON.")
        }
        guard let elements = value.array else { throw StepFailure(.toolError, "The input is no JSON array.") }
        guard elements.count <= Self.rowsMax else {
            throw StepFailure(.resourceExhaustion, "The array has more than \(Self.rowsMax) elements.")
        }
        var names: Set<String> = []
        var objects: [[String: JSONValue]] = []
        for element in elements {
            guard let object = element.object else {
                throw StepFailure(.toolError, "An element of the array is no object.")
            }
            names.formUnion(object.keys)
            objects.append(object)
        }
        guard names.count <= Self.columnsMax else {
            throw StepFailure(.resourceExhaustion, "The objects have more than \(Self.columnsMax) members.")
        }
        let columns = names.sorted()
        self.columns = columns
        rows = objects.map { object in columns.map { object[$0] ?? .null } }
    }

    var csv: String {
        var text = Self.line(columns)
        for row in rows { text += Self.line(row.map(\.cellText)) }
        return text
    }

    var json: JSONValue {
        .array(rows.map { row in .object(Dictionary(zip(columns, row)) { first, _ in first }) })
    }

    private static func line(_ cells: [String]) -> String {
        cells.map { cell in
            let needsQuotes = cell.utf8.contains { [0x22, 0x2C, 0x0A, 0x0D].contains($0) }
            return needsQuotes ? "\"\(cell.replacing("\"", with: "\"\""))\"" : cell
        }.joined(separator: ",") + "\n"
    }
}

extension JSONValue {
    /// The value as a cell of CSV.
    var cellText: String {
        switch self {
        case .null: ""
        case .bool(let value): value ? "true" : "false"
        case .integer(let value): "\(value)"
        case .number(let value): "\(value)"
        case .decimal(let text), .string(let text): text
        case .array, .object: (try? JSONColumn.encode(self)) ?? ""
        }
    }
}
