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
