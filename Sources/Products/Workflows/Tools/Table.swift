import Modules

/// Rows with named columns, of CSV (RFC 4180) or of a JSON array of objects.
struct Table: Sendable {
    var columns: [String]
    /// As many cells in each row as there are columns; nil where an object has no such member.
    var rows: [[JSONValue?]]

    static let rowsMax = 100_000
    static let columnsMax = 500
    /// Rows times columns: a few kilobytes of objects that share no members would become gigabytes of cells.
    static let cellsMax = 1 << 20

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
            try Self.checkCells(rows: rows.count + 1, columns: columns.count)
            rows.append(cells.map { JSONValue.string($0) })
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
        try Self.checkCells(rows: objects.count, columns: names.count)
        let columns = names.sorted { TextBytes($0) < TextBytes($1) }
        let indices = Dictionary(zip(columns, columns.indices)) { first, _ in first }
        self.columns = columns
        // Of each object its own members are looked up: the columns would be hashed again for each row.
        rows = objects.map { object in
            var row = [JSONValue?](repeating: nil, count: columns.count)
            for (name, value) in object { if let index = indices[name] { row[index] = value } }
            return row
        }
    }

    private static func checkCells(rows: Int, columns: Int) throws(StepFailure) {
        guard rows * columns <= cellsMax else {
            throw StepFailure(.resourceExhaustion, "The table has more than \(cellsMax) cells.")
        }
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
        case .array, .object: String(decoding: sortedJSON, as: UTF8.self)
        }
    }

    private var sortedJSON: [UInt8] {
        var bytes: [UInt8] = []
        bytes.append(json: self, sortsMembers: true)
        return bytes
    }
}

extension JSONValue? {
    /// The cell of CSV, which is empty where the member is missing.
    var cellText: String { self?.cellText ?? "" }
}
