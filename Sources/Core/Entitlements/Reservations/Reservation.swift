import Identity
package import Modules

/// Units taken out of a limit for work that has not ended: committed by its success, given back by its failure, or by the end of
/// its lease when nobody says anything.
package struct Reservation: Sendable {
    package enum State: String, Sendable, SQLBindable, SQLReadable { case held, committed, released, expired }

    package let id: ID<Reservation>
    let organisation: ID<Organisation>
    let operation: String
    let bucket: Bucket
    let amount: Int64
    let state: State
    /// Counts the times that the reservation changed hands; who holds an older number may not settle it.
    package let fence: Int64

    init(row: Row) throws {
        id = try row["id"]
        organisation = try row["organisation_id"]
        operation = try row["operation_key"]
        bucket = Bucket(organisation: try row["organisation_id"], meter: try row["meter"], periodStart: try row["period_start"])
        amount = try row["amount"]
        state = try row["state"]
        fence = try row["fence"]
    }
}

/// A counter: one meter of one organisation in one period.
package struct Bucket: Sendable, Hashable {
    let organisation: ID<Organisation>
    let meter: String
    let periodStart: Instant

    /// Storage is a level, not a flow: its one bucket lies outside of all periods.
    static let storageMeter = "storage"

    static func storage(of organisation: ID<Organisation>) -> Bucket {
        Bucket(organisation: organisation, meter: storageMeter, periodStart: Instant(microseconds: 0))
    }
}
