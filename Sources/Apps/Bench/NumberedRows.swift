import Modules

/// Rows that SQL makes from numbers, as a busy installation has them after a while: so many calls would take hours.
enum NumberedRows {
    private static let perTransaction = 20_000
    /// Of a text that ends with a number, so that numbers of 12 digits sort as texts do.
    private static let base: Int64 = 100_000_000_000

    /// Runs `body` in transactions of a bounded size.
    /// - Parameter body: gets a WITH clause whose table `numbers` has the numbers of its part as `n`.
    static func insert(
        _ range: Range<Int>, into database: any Database,
        _ body: @escaping @Sendable (SQL, Transaction) throws -> Void
    ) async throws {
        for first in stride(from: range.lowerBound, to: range.upperBound, by: perTransaction) {
            let last = min(range.upperBound, first + perTransaction) - 1
            let numbers: SQL = """
                WITH RECURSIVE numbers (n) AS (
                    SELECT CAST(\(first) AS \(.integer)) UNION ALL SELECT n + 1 FROM numbers WHERE n < \(last)
                )

                """
            try await database.write { try body(numbers, $0) }
        }
    }

    /// SQL of a text that ends with a number.
    /// - Parameter number: an expression of this program.
    static func text(_ prefix: String, _ number: String) -> SQL {
        SQL(trusted: "'\(prefix)' || CAST(\(base) + (\(number)) AS TEXT)")
    }

    /// As the text ends that ``text(_:_:)`` makes.
    static func digits(_ number: Int) -> String { "\(base + Int64(number))" }
}
