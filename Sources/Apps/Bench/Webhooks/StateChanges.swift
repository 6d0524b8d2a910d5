import Modules

/// The changes of payments and refunds, in the order of their commits: each is written in the transaction that makes
/// it, which has the lock of its object.
enum StateChanges {
    static func createTable(in database: any Database) async throws {
        try await database.write {
            try $0.execute(
                """
                CREATE TABLE proof_changes (
                    object TEXT NOT NULL, number \(.integer) NOT NULL, state TEXT NOT NULL,
                    PRIMARY KEY (object, number)
                ) \(.strict)
                """)
        }
    }

    /// Changes that follow a final state, and final states that were announced twice.
    static func faults(in database: any Database) async throws -> [String] {
        let rows = try await database.read { transaction in
            try transaction.all("SELECT object, state FROM proof_changes ORDER BY object, number") {
                (object: try $0.read("object", as: String.self), state: try $0.read("state", as: String.self))
            }
        }
        let changes = Dictionary(grouping: rows, by: \.object).mapValues { $0.map(\.state) }
        return changes.sorted { $0.key < $1.key }.compactMap { id, states -> String? in
            guard let first = states.firstIndex(where: isFinal) else { return nil }
            let rest = states[(first + 1)...]
            // A bank may return a refund that had succeeded.
            let isReturned = states[first] == "succeeded" && Array(rest) == ["failed"]
            return rest.isEmpty || isReturned ? nil : "\(id) moved on: \(states.joined(separator: ", "))"
        }
    }

    private static func isFinal(_ state: String) -> Bool { ["succeeded", "canceled", "failed"].contains(state) }
}

extension Transaction {
    /// Adds a change of an object, whose row is locked.
    func note(_ state: String, of object: String) throws {
        try execute(
            """
            INSERT INTO proof_changes (object, number, state)
            SELECT \(object), COALESCE(MAX(number), 0) + 1, \(state) FROM proof_changes WHERE object = \(object)
            """)
    }
}
