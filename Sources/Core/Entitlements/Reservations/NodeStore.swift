import Modules

/// All SQL about nodes.
extension Transaction {
    func insertEpoch(of name: String) throws -> Node {
        let epoch: Int64? = try first(
            """
            INSERT INTO nodes (name, epoch, started_at, seen_at) VALUES (\(name), 1, \(now), \(now))
            ON CONFLICT (name) DO UPDATE
                SET epoch = nodes.epoch + 1, started_at = excluded.started_at, seen_at = excluded.seen_at
            RETURNING epoch
            """
        ) { try $0["epoch"] }
        guard let epoch else { preconditionFailure("an upsert returns its row") }
        return Node(name: name, epoch: epoch)
    }

    /// - Returns: false when the row has another epoch.
    func recordHeartbeat(of node: Node) throws -> Bool {
        try execute("UPDATE nodes SET seen_at = \(now) WHERE name = \(node.name) AND epoch = \(node.epoch)") == 1
    }

    func countLiveNodes() throws -> Int64 {
        try count("SELECT COUNT(*) AS count FROM nodes WHERE seen_at > \(now - NodeRegistry.heartbeatTimeout)")
    }

    func pruneNodes(seenBefore moment: Instant) throws {
        try execute(
            """
            DELETE FROM nodes WHERE seen_at < \(moment)
                AND NOT EXISTS (
                    SELECT 1 FROM reservations WHERE state = 'held' AND lifetime = 'process' AND node = nodes.name
                )
            """
        )
    }
}
