package import Base
package import Storage

/// Something that holds at every moment between a count and the entries that it is made of. What breaks it is a fault
/// of the books: `gatehouse verify` and the tests look for it.
package struct Invariant: Sendable {
    /// What is wrong where the rule is broken, as the beginning of a sentence.
    package let sentence: String
    private let find: @Sendable (Transaction) throws -> [String]

    /// How many faults of one rule are told; where there are more, one says so.
    package static let shownMax = 100

    /// - Parameter query: finds the rows that break the rule; its columns say which, and what was counted instead.
    package init(_ sentence: String, _ query: SQL) {
        self.init(sentence) { transaction in
            try transaction.all("SELECT * FROM (\(query)) AS broken LIMIT \(Self.shownMax + 1)").map { row in
                zip(row.columns.names, row.values).map { "\($0) \($1.shown)" }.joined(separator: ", ")
            }
        }
    }

    /// - Parameter find: says of each place where the rule is broken which one it is.
    package init(_ sentence: String, find: @escaping @Sendable (Transaction) throws -> [String]) {
        self.sentence = sentence
        self.find = find
    }

    /// - Returns: each place where the rule is broken, in a sentence.
    package func faults(in transaction: Transaction) throws -> [String] {
        let found = try find(transaction)
        return found.prefix(Self.shownMax).map { "\(sentence): \($0)" }
            + (found.count > Self.shownMax ? ["\(sentence): and more"] : [])
    }
}

extension [Invariant] {
    /// Looks at all of the books as of one moment.
    /// - Returns: what does not balance, in sentences; empty when everything does.
    package func faults(in database: any Database) async throws(Problem) -> [String] {
        try await database.read { transaction in try flatMap { try $0.faults(in: transaction) } }
    }
}

extension SQL.Value {
    fileprivate var shown: String {
        switch self {
        case .null: "nothing"
        case .integer(let value): "\(value)"
        case .real(let value): "\(value)"
        case .text(let text): text
        }
    }
}
