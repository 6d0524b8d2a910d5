package import Base
package import Storage

/// A condition between a counter and the rows it is derived from, which holds after every transaction.
/// `gatehouse verify` and the tests check it.
package struct Invariant: Sendable {
    /// What is wrong where the condition does not hold, as the beginning of a sentence.
    package let sentence: String
    private let find: @Sendable (Transaction) throws -> [String]

    /// The violations of one invariant that are listed; one more line says that there are more.
    package static let shownMax = 100

    /// - Parameter query: selects the violations; its columns name the row and the recomputed value.
    package init(_ sentence: String, _ query: SQL) {
        self.init(sentence) { transaction in
            try transaction.all("SELECT * FROM (\(query)) AS broken LIMIT \(Self.shownMax + 1)").map { row in
                zip(row.columns.names, row.values).map { "\($0) \($1.shown)" }.joined(separator: ", ")
            }
        }
    }

    /// - Parameter find: returns a description of each violation.
    package init(_ sentence: String, find: @escaping @Sendable (Transaction) throws -> [String]) {
        self.sentence = sentence
        self.find = find
    }

    /// - Returns: each violation as a sentence.
    package func faults(in transaction: Transaction) throws -> [String] {
        let found = try find(transaction)
        return found.prefix(Self.shownMax).map { "\(sentence): \($0)" }
            + (found.count > Self.shownMax ? ["\(sentence): and more"] : [])
    }
}

extension Invariant {
    fileprivate func result(in database: any Database) async -> Result<[String], Problem> {
        do throws(Problem) {
            return .success(try await database.read(within: .hours(1)) { try faults(in: $0) })
        } catch {
            return .failure(error)
        }
    }
}

extension [Invariant] {
    /// Checks the invariants, two at once: those of a large ledger take seconds. Each holds in every committed state, so
    /// they need no common one, and each has a transaction of its own.
    /// - Returns: the violations as sentences; empty where every invariant holds.
    package func faults(in database: any Database) async throws(Problem) -> [String] {
        let results = await withTaskGroup(of: (index: Int, faults: Result<[String], Problem>).self) { group in
            var results: [Int: Result<[String], Problem>] = [:]
            for (index, invariant) in enumerated() {
                // Whichever ends first is followed by the next one, because a few take most of the time.
                if index >= 2, let ended = await group.next() { results[ended.index] = ended.faults }
                group.addTask { (index, await invariant.result(in: database)) }
            }
            for await ended in group { results[ended.index] = ended.faults }
            return results
        }
        var faults: [String] = []
        for index in indices { faults += try results[index]?.get() ?? [] }
        return faults
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
