import Modules

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
