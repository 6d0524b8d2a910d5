package import Modules

/// Credits of one or more lots that are reserved for work in progress: committed when the work succeeds, released when
/// it fails or the lease ends.
package struct CreditHold: Sendable {
    package enum State: String, Sendable, SQLBindable, SQLReadable { case held, committed, released, expired }

    /// The reserved credits of one lot.
    struct Part: Sendable, Hashable {
        let lot: ID<CreditLot>
        let units: Int64
        /// Whether the lot has expired since: credits that are released to it expire.
        let isExpired: Bool
    }

    package let id: ID<CreditHold>
    let operation: String
    let fingerprint: String
    package let units: Int64
    package let state: State
}

extension CreditHold {
    init(row: Row) throws {
        id = try row["id"]
        operation = try row["operation_key"]
        fingerprint = try row["fingerprint"]
        units = try row["units"]
        state = try row["state"]
    }
}
