import Identity
import Modules

/// All SQL that reads remote reservations. ``QuotaService`` changes them, as it does all reservations.
extension Transaction {
    /// The row is locked until the transaction ends.
    /// - Returns: nil also for a reservation of a local product, of another organisation, or of another service key.
    func remoteReservation(_ id: ID<Reservation>, in scope: ServiceScope) throws -> RemoteReservation? {
        let organisation = scope.organisation
        // Locked first, so that the state that is read below is the state that the transition changes.
        _ = try first(
            "SELECT id FROM reservations WHERE id = \(id) AND organisation_id = \(organisation) \(.forUpdate)")
        let found = try first(selectRemote + "AND reservations.id = \(id)", of: organisation)
        let prefix = RemoteReservation.operationPrefix(of: scope.key)
        return found.flatMap { $0.hasOperation(under: prefix) ? $0 : nil }
    }

    func remoteReservation(ofOperation operation: String, of organisation: ID<Organisation>) throws
        -> RemoteReservation?
    {
        try first(selectRemote + "AND reservations.operation_key = \(operation)", of: organisation)
            ?? first(
                Self.selectDeleted + """
                    WHERE organisation_id = \(organisation) AND operation_key = \(operation)
                        AND reservation_id IS NOT NULL
                    """, RemoteReservation.init)
    }

    /// A committed reservation that is deleted, as its usage entry shows it.
    func deletedReservation(_ id: ID<Reservation>) throws -> RemoteReservation? {
        try first(Self.selectDeleted + "WHERE reservation_id = \(id)", RemoteReservation.init)
    }

    private func first(_ select: SQL, of organisation: ID<Organisation>) throws -> RemoteReservation? {
        try first("\(select) AND reservations.organisation_id = \(organisation)", RemoteReservation.init)
    }

    private static var selectDeleted: SQL {
        """
        SELECT reservation_id AS id, organisation_id, operation_key, NULL AS fingerprint, meter, period_start, amount,
            'committed' AS state, occurred_at AS lease_until, amount AS used, is_overrun
        FROM usage_entries

        """
    }

    /// A reservation whose lease has ended is shown as expired before ``ExpireReservationsJob`` writes it.
    private var selectRemote: SQL {
        """
        SELECT reservations.id, reservations.organisation_id, reservations.operation_key, fingerprint,
            reservations.meter, reservations.period_start, reservations.amount,
            CASE WHEN state = 'held' AND lease_until < \(now) THEN 'expired' ELSE state END AS state, lease_until,
            CASE state WHEN 'committed' THEN actual END AS used, COALESCE(usage_entries.is_overrun, 0) AS is_overrun
        FROM reservations LEFT JOIN usage_entries
            ON usage_entries.organisation_id = reservations.organisation_id
                AND usage_entries.operation_key = reservations.operation_key
        WHERE 1 = 1

        """
    }
}
