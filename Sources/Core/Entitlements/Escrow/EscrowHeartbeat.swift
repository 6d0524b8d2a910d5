import Modules

/// When a node writes its heartbeat. The heartbeat makes other nodes leave it a share of the remaining units, so that
/// only a node that uses escrow blocks needs it often; any other node writes it just often enough that its row is not
/// pruned, and writes nothing else.
struct EscrowHeartbeat {
    static let busyInterval: Duration = .seconds(5)
    static let idleInterval: Duration = .hours(1)
    private var sentAt: ContinuousClock.Instant
    private var wasInUse = false

    /// - Parameter start: when the node's epoch was written.
    init(startingAt start: ContinuousClock.Instant) { sentAt = start }

    /// Also true at once when the node begins to use escrow blocks.
    mutating func isDue(inUse: Bool, at now: ContinuousClock.Instant) -> Bool {
        let begins = inUse && !wasInUse
        wasInUse = inUse
        guard begins || now - sentAt > (inUse ? Self.busyInterval : Self.idleInterval) else { return false }
        sentAt = now
        return true
    }
}
