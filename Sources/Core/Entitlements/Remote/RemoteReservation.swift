import Identity
import Modules

/// Units held for work that is done elsewhere, as its product sees them.
struct RemoteReservation: Sendable {
    let id: ID<Reservation>
    let organisation: ID<Organisation>
    /// The caller's name for the work, behind ``operationMark``.
    let operation: String
    let fingerprint: String
    let meter: String
    let periodStart: Instant
    let units: Int64
    let state: Reservation.State
    let leaseUntil: Instant
    /// What was charged; nil where it is not committed.
    let used: Int64?
    let isOverrun: Bool

    /// Begins the operation keys of reservations that were made from elsewhere: no product's key does, for names of meters have no slash.
    static let operationMark = "remote/"
    static let leaseSecondsUsual: Int64 = 900
    static let leaseSecondsRange: ClosedRange<Int64> = 10...86_400
}

extension RemoteReservation {
    init(row: Row) throws {
        id = try row["id"]
        organisation = try row["organisation_id"]
        operation = try row["operation_key"]
        fingerprint = try row["fingerprint"]
        meter = try row["meter"]
        periodStart = try row["period_start"]
        units = try row["amount"]
        state = try row["state"]
        leaseUntil = try row["lease_until"]
        used = try row["used"]
        isOverrun = try row.read("is_overrun", as: Int64.self) == 1
    }
}

/// Every SQL statement that looks at reservations from elsewhere; they change by the verbs of all reservations.
extension Transaction {
    /// - Returns: nil also for one that was made here, or belongs to somebody else.
    func remoteReservation(_ id: ID<Reservation>, of organisation: ID<Organisation>) throws -> RemoteReservation? {
        // Taken first, so that what is read below is what the next verb finds.
        _ = try first(
            "SELECT id FROM reservations WHERE id = \(id) AND organisation_id = \(organisation) \(.forUpdate)")
        let found = try first(Self.selectRemote + "AND reservations.id = \(id)", of: organisation)
        return found.flatMap { $0.operation.hasPrefix(RemoteReservation.operationMark) ? $0 : nil }
    }

    func remoteReservation(ofOperation operation: String, of organisation: ID<Organisation>) throws
        -> RemoteReservation?
    {
        try first(Self.selectRemote + "AND reservations.operation_key = \(operation)", of: organisation)
    }

    private func first(_ select: SQL, of organisation: ID<Organisation>) throws -> RemoteReservation? {
        try first("\(select) AND reservations.organisation_id = \(organisation)", RemoteReservation.init)
    }

    private static var selectRemote: SQL {
        """
        SELECT reservations.id, reservations.organisation_id, reservations.operation_key, fingerprint, reservations.meter, reservations.period_start,
               reservations.amount, state, lease_until, CASE state WHEN 'committed' THEN actual END AS used, COALESCE(usage_entries.is_overrun, 0) AS is_overrun
        FROM reservations LEFT JOIN usage_entries
            ON usage_entries.organisation_id = reservations.organisation_id AND usage_entries.operation_key = reservations.operation_key
        WHERE 1 = 1

        """
    }
}
