import Modules

/// Input of one transaction of a pool: blocks to settle, and charges to serve.
struct EscrowBatch: Sendable {
    let closed: [ClosedBlock]
    /// Of one bucket, in the order of their arrival.
    let charges: [Charge]
}

/// A block that accepts no more charges, with the units that were spent from it.
struct ClosedBlock: Sendable {
    let id: ID<Reservation>
    let spent: Int64
}

/// Result of one transaction of a pool.
struct EscrowAllocation: Sendable {
    enum Outcome: Sendable {
        case granted
        case refused(Problem)
        /// Other nodes hold the remaining units, and their blocks have been recalled.
        case waiting
    }

    struct Block: Sendable {
        let id: ID<Reservation>
        let units: Int64
        /// The units of the granted charges.
        let spent: Int64
    }

    /// In the order of the charges.
    var outcomes: [Outcome]
    var block: Block?
}
