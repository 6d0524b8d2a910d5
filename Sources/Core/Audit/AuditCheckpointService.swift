package import Modules

/// Signs checkpoints and provides the keys that verify them.
package final class AuditCheckpointService: Sendable {
    private let database: any Database
    private let keys: AuditKeys
    private let file: AuditCheckpointFile?
    private let logger: Logger
    private let runtime: Runtime

    init(database: any Database, keys: AuditKeys, file: AuditCheckpointFile?, logger: Logger, runtime: Runtime) {
        self.database = database
        self.keys = keys
        self.file = file
        self.logger = logger
        self.runtime = runtime
    }

    /// Signs the present last row of every shard, logs the checkpoint and keeps it in the file: both are copies outside
    /// of the database.
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
        keep(signed)
        return signed
    }

    /// Keeps a checkpoint in the file, unless the file holds a newer one: then the database was reset.
    private func keep(_ signed: AuditCheckpoint) {
        guard let file else { return }
        do {
            if let kept = try? file.read(), kept.number >= signed.number {
                logger.critical(
                    """
                    The audit trail was reset: the data folder holds a newer checkpoint than the database did. After \
                    restoring a backup on purpose, remove the file.
                    """,
                    metadata: [
                        "file": "\(file.path)", "kept": .stringConvertible(kept.number),
                        "signed": .stringConvertible(signed.number),
                    ])
                return
            }
            try file.replace(with: signed)
        } catch {
            logger.error("the audit checkpoint was not kept in its file", metadata: ["cause": "\(error)"])
        }
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
