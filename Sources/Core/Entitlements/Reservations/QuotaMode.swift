/// How a route takes units from a quota. Declared on its requirement: `quota(.tokens, mode: .escrow)`.
package enum QuotaMode: String, Sendable, CaseIterable {
    /// Every unit is taken from the counter in the database and is durable before the response is sent. The limit is
    /// never exceeded and no acknowledged unit is lost.
    case durable
    /// The node reserves a block of units durably and spends it in memory. The limit is never exceeded, on any number
    /// of nodes. A process that is killed loses the record of what it spent of at most one block per counter; that
    /// block counts as used. For frequent, cheap requests.
    case escrow
}
