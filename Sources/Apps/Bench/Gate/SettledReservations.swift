import Entitlements
import Modules

/// Committed reservations with their usage entries and buckets, as a busy installation has them after a while.
struct SettledReservations {
    let organisations: Int
    private let perOrganisation: Int

    /// - Parameter count: rounded down to a multiple of `organisations`, but at least one each.
    init(count: Int, organisations: Int) {
        self.organisations = organisations
        perOrganisation = max(1, count / organisations)
    }

    private static let organisationPrefix = "0190c0de-0000-7000-8000-"
    private static let subscriptionPrefix = "0190c0de-0000-7000-8001-"
    private static let reservationPrefix = "0190c0de-0000-7000-8002-"
    private static let fingerprint = String(repeating: "0", count: 64)

    /// Some of the organisations, evenly spread.
    func organisations(_ number: Int) -> [String] {
        let step = max(1, organisations / number)
        return stride(from: 0, to: organisations, by: step).prefix(number).map {
            Self.organisationPrefix + NumberedRows.digits($0)
        }
    }

    func insert(into database: any Database) async throws {
        // The subscriptions begin now, so that the period of all rows is the current one.
        let start = try await database.read { $0.now }
        try await NumberedRows.insert(0..<organisations, into: database) { try insertOrganisations($0, start, in: $1) }
        try await NumberedRows.insert(0..<(organisations * perOrganisation), into: database) {
            try insertReservations($0, start, in: $1)
        }
        if database.dialect == .postgres {
            try await database.write { try $0.execute("ANALYZE") }
        }
    }

    private func insertOrganisations(_ numbers: SQL, _ start: Instant, in transaction: Transaction) throws {
        let organisation = NumberedRows.text(Self.organisationPrefix, "n")
        let subscription = NumberedRows.text(Self.subscriptionPrefix, "n")
        try transaction.execute(
            numbers + """
                INSERT INTO organisations (id, name, created_at) SELECT \(organisation), 'Organisation', \(start)
                FROM numbers
                """)
        try transaction.execute(
            numbers + """
                INSERT INTO subscriptions (
                    id, organisation_id, plan_id, plan_since, cycle, status, is_live, anchor_at, next_is_billed,
                    created_at, updated_at
                )
                SELECT \(subscription), \(organisation), \(BenchServer.plan), \(start),
                    'monthly', 'active', 1, \(start), 0, \(start), \(start)
                FROM numbers
                """)
        try transaction.execute(
            numbers + """
                INSERT INTO buckets (organisation_id, meter, period_start, used, held)
                SELECT \(organisation), \(BenchServer.meter.name), \(start), \(perOrganisation), 0 FROM numbers
                """)
    }

    private func insertReservations(_ numbers: SQL, _ start: Instant, in transaction: Transaction) throws {
        let organisation = NumberedRows.text(Self.organisationPrefix, "n / \(perOrganisation)")
        let (id, key) = (NumberedRows.text(Self.reservationPrefix, "n"), NumberedRows.text("seed/", "n"))
        try transaction.execute(
            numbers + """
                INSERT INTO reservations (
                    id, organisation_id, operation_key, fingerprint, meter, period_start, amount, actual, state,
                    lease_until, fence, created_at, settled_at, lifetime, on_expiry, is_block
                )
                SELECT \(id), \(organisation), \(key),
                    \(Self.fingerprint), \(BenchServer.meter.name), \(start), 1, 1, 'committed',
                    \(start + .minutes(15)), 1, \(start), \(start), 'lease', 'release', 0
                FROM numbers
                """)
        try transaction.execute(
            numbers + """
                INSERT INTO usage_entries (
                    organisation_id, operation_key, meter, period_start, amount, beyond, is_overrun, occurred_at,
                    reservation_id
                )
                SELECT \(organisation), \(key), \(BenchServer.meter.name), \(start), 1, 0, 0, \(start) + n, \(id)
                FROM numbers
                """)
    }
}
