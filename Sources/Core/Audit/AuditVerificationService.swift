package import Modules

/// Verifies the audit trail in the database.
package final class AuditVerificationService: Sendable {
    private static let batchSize = 1_000
    /// Of the one read of a long trail.
    private static let timeMax = Duration.hours(1)

    private let database: any Database
    private let keys: AuditKeys
    private let file: AuditCheckpointFile?

    init(database: any Database, keys: AuditKeys, file: AuditCheckpointFile?) {
        self.database = database
        self.keys = keys
        self.file = file
    }

    /// Reads the trail in one read transaction, compares it with the checkpoint of the file, and reports every
    /// inconsistency.
    /// - Parameters:
    ///   - number: starts after this checkpoint; nil starts at the first row. Erasures are counted from the first row
    ///     only.
    ///   - externalCheckpoints: checkpoints that were kept outside of the database.
    /// - Throws: `not-found` when checkpoint `number` does not exist.
    package func verify(
        from number: Int64? = nil, externalCheckpoints: [AuditCheckpoint] = []
    ) async throws(Problem) -> AuditReport {
        // Before the transaction: a checkpoint that is signed meanwhile is then in the database.
        let kept = Result { try file?.read() }
        return try await database.read(within: Self.timeMax) { [keys] transaction in
            let start = try number.map { number in
                guard let checkpoint = try transaction.checkpoint(number) else {
                    throw Problem(.notFound, detail: "There is no checkpoint \(number).")
                }
                return checkpoint
            }
            let publicKeys = Dictionary(
                uniqueKeysWithValues: try keys.all(in: transaction).map { ($0.id.text, $0.publicBytes) })
            var verifier = AuditVerifier(
                AuditVerifier.State(
                    shards: try transaction.auditShards(), checkpoints: try transaction.checkpointCount()),
                keys: keys,
                from: start
            ) { $0.isGenuine(under: publicKeys) }
            verifier.keep(kept)
            var read = number ?? 0
            while case let checkpoints = try transaction.checkpoints(after: read, atMost: Self.batchSize),
                let last = checkpoints.last
            {
                for checkpoint in checkpoints { verifier.add(checkpoint) }
                read = last.number
            }
            for checkpoint in externalCheckpoints { verifier.addExternal(checkpoint) }
            // The verifier skips rows up to the start. Those of the first shard are not even read.
            var position = start?.heads.first.flatMap { $0.shard == 0 ? $0.position : nil }
            while case let rows = try transaction.auditRows(after: position, atMost: Self.batchSize),
                let last = rows.last
            {
                for row in rows { verifier.add(row) }
                position = last.position
            }
            verifier.finish()
            return verifier.report
        }
    }
}
