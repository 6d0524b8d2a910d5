import Identity
import Modules

/// A reservation for work that is done elsewhere, as the API shows it.
struct RemoteReservation: Sendable {
    let id: ID<Reservation>
    let organisation: ID<Organisation>
    /// ``operationPrefix(of:)`` and the client's key for the work.
    let operation: String
    /// Nil where the reservation is deleted.
    let fingerprint: String?
    let meter: String
    let periodStart: Instant
    let units: Int64
    let state: Reservation.State
    let leaseUntil: Instant
    /// The units that were charged; nil where the reservation is not committed.
    let used: Int64?
    let isOverrun: Bool

    /// Begins the operation keys of the reservations of a service key and of its successors: other keys do not see
    /// them. No key of a local product begins with it: those begin with the name of a meter, which has no slash.
    static func operationPrefix(of key: ServiceKey) -> String { "remote/\(key.origin)/" }
    /// Whether the operation key begins with a prefix. The client's key may begin with a scalar that Swift joins to the
    /// prefix's last character.
    func hasOperation(under prefix: String) -> Bool { operation.utf8.starts(with: prefix.utf8) }

    static let leaseSecondsDefault: Int64 = 900
    static let leaseSecondsRange: ClosedRange<Int64> = 10...86_400
}

extension RemoteReservation {
    /// - Parameter isOverrun: whether units of a committed reservation exceed the limit.
    init(_ reservation: Reservation, isOverrun: Bool = false) {
        id = reservation.id
        organisation = reservation.organisation
        operation = reservation.operation
        fingerprint = reservation.fingerprint
        meter = reservation.bucket.meter
        periodStart = reservation.bucket.periodStart
        units = reservation.amount
        state = reservation.state
        leaseUntil = reservation.leaseUntil
        used = reservation.state == .committed ? reservation.actual : nil
        self.isOverrun = isOverrun
    }

    /// The refusal of a change after the reservation has ended.
    var settledProblem: Problem {
        Problem(.reservationSettled, detail: "It is \(state.rawValue).", members: ["state": .string(state.rawValue)])
    }

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
