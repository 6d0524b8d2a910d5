import Modules

/// The numbers of one or more rows of inputs, as one array in row-major order.
struct InputRows: Sendable {
    let values: [Double]
    let count: Int

    /// - Parameter limit: the largest number of numbers.
    /// - Throws: `validation-failed` with the pointer of the first element that does not fit `steps` × `columns`.
    init(_ json: JSONValue, steps: Int, columns: Int, limit: Int) throws(Problem) {
        guard let outer = json.array, let first = outer.first?.array else {
            throw Problem.invalid("/input_data", "must be a row of steps, or an array of rows")
        }
        let isSingle = first.first?.array == nil
        let rows = isSingle ? [outer] : outer.map { $0.array ?? [] }
        guard rows.count * steps * columns <= limit else {
            throw Problem.invalid("/input_data", "must have at most \(limit) numbers")
        }
        var values: [Double] = []
        values.reserveCapacity(rows.count * steps * columns)
        for (index, row) in rows.enumerated() {
            let pointer = isSingle ? "/input_data" : "/input_data/\(index)"
            guard row.count == steps else { throw Problem.invalid(pointer, "must have \(steps) steps") }
            for (step, cells) in row.enumerated() {
                guard let cells = cells.array, cells.count == columns else {
                    throw Problem.invalid("\(pointer)/\(step)", "must have \(columns) numbers")
                }
                for (column, cell) in cells.enumerated() {
                    guard let number = cell.number, number.isFinite else {
                        throw Problem.invalid("\(pointer)/\(step)/\(column)", "must be a number")
                    }
                    values.append(number)
                }
            }
        }
        self.values = values
        count = rows.count
    }

    /// JSON cannot represent infinite numbers or NaN.
    /// - Throws: `validation-failed` where a result is not finite.
    static func requireFinite(_ results: [Double]) throws(Problem) {
        guard results.allSatisfy(\.isFinite) else {
            throw Problem.invalid("/input_data", "has numbers so large that the result is not finite")
        }
    }
}
