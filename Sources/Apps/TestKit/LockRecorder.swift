import Base
package import Storage
import Synchronization

/// Records the statements of the writes that were committed, in which a test finds the order of their row locks.
package final class LockRecorder: Sendable {
    private let recorded = Mutex<[[String]]>([])

    package init() {}

    /// For `withTestApp(databaseWrapper:)`.
    package var wrap: @Sendable (any Database) -> any Database { { RecordedDatabase($0, self) } }

    /// The statements of each transaction.
    package var transactions: [[String]] { recorded.withLock { $0 } }

    fileprivate func add(_ statements: [String]) { recorded.withLock { $0.append(statements) } }

    /// The tables whose rows a transaction locks by name, in the order in which it locks the first row of each.
    package static func tables(lockedBy statements: [String]) -> [String] {
        var tables: [String] = []
        for statement in statements {
            let words = words(of: statement)
            let isLock =
                ["FOR UPDATE", "FOR NO KEY UPDATE", "DO UPDATE"].contains { statement.contains($0) }
                || words.first == "UPDATE"
            guard isLock, let place = words.firstIndex(where: { ["FROM", "UPDATE", "INTO"].contains($0) }),
                words.indices.contains(place + 1), !tables.contains(words[place + 1])
            else { continue }
            tables.append(words[place + 1])
        }
        return tables
    }

    /// The table that a statement inserts into, updates or deletes from; nil for a read.
    package static func table(changedBy statement: String) -> String? {
        let words = words(of: statement)
        guard let verb = words.first, ["INSERT", "UPDATE", "DELETE"].contains(verb) else { return nil }
        let place = verb == "UPDATE" ? 1 : 2
        return words.indices.contains(place) ? words[place] : nil
    }

    private static func words(of statement: String) -> [String] {
        statement.split { !($0.isLetter || $0 == "_") }.map(String.init)
    }
}

private final class RecordedDatabase: DatabaseWrapper {
    let base: any Database
    private let recorder: LockRecorder

    init(_ base: any Database, _ recorder: LockRecorder) {
        self.base = base
        self.recorder = recorder
    }

    @discardableResult
    func write<Result: Sendable>(_ body: @escaping @Sendable (Transaction) throws -> Result) async throws(Problem)
        -> Result
    {
        try await base.write { [recorder] transaction in
            let engine = RecordingEngine(transaction.engine)
            let result = try body(Transaction(engine: engine, now: transaction.now))
            recorder.add(engine.statements.map(\.text))
            return result
        }
    }
}
