package import Modules

/// Signs checkpoints and provides the keys that verify them.
package final class AuditCheckpointService: Sendable {
    private let database: any Database
    private let keys: AuditKeys
    private let logger: Logger
    private let runtime: Runtime

    init(database: any Database, keys: AuditKeys, logger: Logger, runtime: Runtime) {
        self.database = database
        self.keys = keys
        self.logger = logger
        self.runtime = runtime
    }

    /// Signs the present last row of every shard and logs the checkpoint: the log is the copy outside of the database.
    /// Logs an error of level `critical` where the last rows of the newest checkpoint have changed.
    /// - Returns: nil when no row was written since the newest checkpoint.
    @discardableResult
    package func sign() async throws(Problem) -> AuditCheckpoint? {
        let (signed, changed) = try await database.write {
            [keys, runtime] transaction -> (AuditCheckpoint?, AuditChainPosition?) in
            let number = try transaction.incrementCheckpointCount()
            let newest = try transaction.newestCheckpoint()
            let heads = try transaction.auditHeads()
            guard !heads.isEmpty, heads != newest?.heads else {
                try transaction.decrementCheckpointCount()
                return (nil, nil)
            }
            // The trail is append-only: the rows that the newest checkpoint names must still have the same hashes.
            let changed = try newest?.heads.first { try transaction.auditHash(at: $0.position) != $0.hash }?.position
            let checkpoint = try AuditCheckpoint(
                number: number,
                at: transaction.now,
                heads: heads,
                previous: newest?.digest ?? AuditRow.initialHash,
                signedWith: try keys.signing(in: transaction, runtime: runtime)
            )
            try transaction.insert(checkpoint)
            return (checkpoint, changed)
        }
        if let changed {
            logger.critical(
                "The audit trail was changed: the last row of the newest checkpoint has another hash.",
                metadata: ["row": "\(changed)"])
        }
        guard let signed else { return nil }
        logger.notice("audit checkpoint", metadata: ["checkpoint": "\((try? signed.json) ?? "")"])
        return signed
    }

    /// The keys that sign checkpoints, newest first. The first call creates one.
    package func publicKeys() async throws(Problem) -> [AuditSigningKey] {
        try await database.write { [keys, runtime] transaction in
            _ = try keys.signing(in: transaction, runtime: runtime)
            return try keys.all(in: transaction)
        }
    }
}

extension AuditCheckpoint.Head {
    var position: AuditChainPosition { AuditChainPosition(shard: shard, sequence: sequence) }
}
