import Modules

/// All SQL about escrow blocks besides that of reservations.
extension Transaction {
    /// Whether another block of the bucket is held.
    func hasBlocks(in bucket: Bucket, besides own: ID<Reservation>) throws -> Bool {
        try first(
            """
            SELECT 1 AS held FROM reservations
            WHERE organisation_id = \(bucket.organisation) AND meter = \(bucket.meter)
                AND period_start = \(bucket.periodStart) AND state = 'held' AND is_block = 1 AND id <> \(own)
            LIMIT 1
            """
        ) != nil
    }

    /// Asks the nodes that hold blocks of the bucket to settle them.
    func recallBlocks(of bucket: Bucket) throws {
        try execute(
            """
            UPDATE buckets SET recalled_at = \(now)
            WHERE organisation_id = \(bucket.organisation) AND meter = \(bucket.meter)
                AND period_start = \(bucket.periodStart)
            """
        )
    }

    /// The blocks of a node that were recalled since they were opened.
    func recalledBlocks(of node: Node) throws -> [ID<Reservation>] {
        try all(
            """
            SELECT reservations.id FROM reservations
                JOIN buckets ON buckets.organisation_id = reservations.organisation_id
                    AND buckets.meter = reservations.meter AND buckets.period_start = reservations.period_start
            WHERE reservations.state = 'held' AND reservations.lifetime = 'process' AND reservations.is_block = 1
                AND reservations.node = \(node.name) AND reservations.epoch = \(node.epoch)
                AND buckets.recalled_at >= reservations.created_at
            """
        ) { try $0["id"] }
    }
}
