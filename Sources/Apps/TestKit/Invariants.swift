import App
package import Modules

/// Holds every count against what it is derived from, as `gatehouse verify` does.
package enum Invariants {
    /// - Returns: what does not balance, in sentences; empty when everything does.
    package static func faults(in database: any Database) async throws -> [String] {
        try await (allInvariants + [stranded]).faults(in: database)
    }

    /// Tests reserve for runs, or say with the operation's name that they do so themselves.
    private static let stranded = Invariant(
        "a reservation is held for no run that could ever give it back",
        """
        SELECT reservations.id FROM reservations LEFT JOIN training_runs ON training_runs.reservation_id = reservations.id
        WHERE reservations.state = 'held' AND training_runs.id IS NULL AND reservations.meter <> 'uploads'
            AND reservations.operation_key NOT LIKE 'test:%' AND reservations.operation_key NOT LIKE '%:test-%'
            AND reservations.operation_key NOT LIKE 'remote/%'
        """
    )
}
