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

extension [Invariant] {
    /// Checks the invariants in two transactions at once: those of a large ledger take seconds. Each holds in every
    /// committed state, so they need no common one.
    /// - Returns: the violations as sentences; empty where every invariant holds.
    package func faults(in database: any Database) async throws(Problem) -> [String] {
        let results = await withTaskGroup(of: Result<[Int: [String]], Problem>.self) { group in
            for half in 0...1 {
                group.addTask {
                    do throws(Problem) {
                        return .success(
                            try await database.read(within: .hours(1)) { transaction in
                                var faults: [Int: [String]] = [:]
                                for number in stride(from: half, to: count, by: 2) {
                                    faults[number] = try self[number].faults(in: transaction)
                                }
                                return faults
                            })
                    } catch {
                        return .failure(error)
                    }
                }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
        var faults: [Int: [String]] = [:]
        for result in results { faults.merge(try result.get()) { $0 + $1 } }
        return indices.flatMap { faults[$0] ?? [] }
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
