import App
package import Modules

/// The invariants that `gatehouse verify` checks, and one of the tests.
package enum Invariants {
    /// - Returns: one sentence a violation.
    package static func faults(in database: any Database) async throws -> [String] {
        try await (allInvariants + [stranded]).faults(in: database)
    }

    /// Reservations that tests make without a run have operation keys that begin with `test`.
    private static let stranded = Invariant(
        "a reservation is held, and no run, workflow or turn can release it",
        """
        SELECT reservations.id FROM reservations
        LEFT JOIN training_runs ON training_runs.reservation_id = reservations.id
        WHERE reservations.state = 'held' AND training_runs.id IS NULL AND reservations.meter <> 'uploads'
            AND reservations.operation_key NOT LIKE 'test:%' AND reservations.operation_key NOT LIKE '%:test-%'
            AND reservations.operation_key NOT LIKE 'remote/%'
            AND NOT EXISTS (
                SELECT 1 FROM workflows WHERE reservation_id = reservations.id AND settlement = 'held')
            AND NOT EXISTS (
                SELECT 1 FROM assistant_turns WHERE reservation_id = reservations.id AND state = 'running')
        """
    )
}
