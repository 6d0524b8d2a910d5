import Modules
import Secrets

struct RemoteHold: Payload {
    var meter: String
    /// Defaults to 1.
    var units: Int64?
    /// The client's unique key for the work; a repeat returns the first reservation.
    var operation: String
    /// Seconds until the reservation expires without a heartbeat.
    var leaseSeconds: Int64?

    static let rules: [String: Rule] = [
        "meter": .length(1...64), "units": .range(1...UsageEvent.amountMax), "operation": .length(1...255),
        "lease_seconds": .range(RemoteReservation.leaseSecondsRange),
    ]

    var fingerprint: String { Digest.hex("\(units ?? 1) \(leaseSeconds.map { "\($0)" } ?? "-") \(meter)") }
}

struct RemoteCommit: OptionalBody {
    /// The units that the work used, 0 if none; defaults to the reserved units.
    var units: Int64?

    static let rules: [String: Rule] = ["units": .range(0...UsageEvent.amountMax)]
}

struct RemoteHeartbeat: OptionalBody {
    /// Seconds until the reservation expires without a further heartbeat.
    var leaseSeconds: Int64?

    static let rules: [String: Rule] = ["lease_seconds": .range(RemoteReservation.leaseSecondsRange)]
}

struct RemoteReservationView: Payload {
    var id: ID<Reservation>
    var operation: String
    var meter: String
    var units: Int64
    var state: String
    var leaseUntil: Instant
    /// The period that the units are counted in: that of the reservation.
    var periodStart: Instant
    /// The units that were charged.
    var used: Int64?
    /// Whether the charge exceeds the limit, which is possible after the lease has ended.
    var isOverrun: Bool

    /// - Parameter owner: of the reservation.
    init(_ reservation: RemoteReservation, of owner: ReservationOwner) {
        id = reservation.id
        operation = String(Substring(reservation.operation.utf8.dropFirst(owner.operationPrefix.utf8.count)))
        meter = reservation.meter
        units = reservation.units
        state = reservation.state.rawValue
        leaseUntil = reservation.leaseUntil
        periodStart = reservation.periodStart
        used = reservation.used
        isOverrun = reservation.isOverrun
    }
}
