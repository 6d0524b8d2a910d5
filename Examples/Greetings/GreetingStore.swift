import Identity
import Modules

/// The SQL of greetings. Every statement names the organisation, except the pruning.
extension Transaction {
    func insert(_ greeting: Greeting) throws {
        try execute(
            """
            INSERT INTO greetings (id, organisation_id, name, state, text, reservation_id, created_at)
            VALUES (\(greeting.id), \(greeting.organisation), \(greeting.name), \(greeting.state), \(greeting.text),
                    \(greeting.reservation), \(greeting.createdAt))
            """
        )
    }

    func greeting(_ id: ID<Greeting>, of organisation: ID<Organisation>) throws -> Greeting? {
        try first("SELECT * FROM greetings WHERE id = \(id) AND organisation_id = \(organisation)", Greeting.init)
    }

    func greetings(in scope: Scope, limit: Int) throws -> [Greeting] {
        try all(
            """
            SELECT * FROM greetings WHERE organisation_id = \(scope.organisation)
            ORDER BY created_at DESC, id DESC LIMIT \(limit)
            """,
            Greeting.init
        )
    }

    /// One guarded statement: of two transactions that end the same greeting, one changes the row.
    /// - Returns: whether the greeting was queued.
    func end(_ greeting: Greeting, as state: Greeting.State, text: String?) throws -> Bool {
        try execute(
            """
            UPDATE greetings SET state = \(state), text = \(text)
            WHERE id = \(greeting.id) AND organisation_id = \(greeting.organisation) AND state = 'queued'
            """
        ) == 1
    }

    /// - Returns: the number of deleted rows, at most `limit`.
    func pruneGreetings(createdBefore time: Instant, atMost limit: Int) throws -> Int {
        try execute(
            """
            DELETE FROM greetings WHERE id IN (
                SELECT id FROM greetings WHERE created_at < \(time) AND state <> 'queued'
                ORDER BY created_at LIMIT \(limit))
            """
        )
    }
}
