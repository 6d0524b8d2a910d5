package import Modules

extension AuditModule {
    /// How many rows are read at a time.
    static let verificationBatch = 1_000

    /// Reads the whole trail, as of one moment, and says what is wrong with it.
    /// - Parameters:
    ///   - number: the checkpoint to begin behind; nil begins at the beginning. Erasures are counted from the beginning only.
    ///   - witnesses: checkpoints that were kept outside of the database.
    /// - Throws: `not-found` when there is no such checkpoint.
    package func verify(from number: Int64? = nil, reservationResolvers: [AuditCheckpoint] = []) async throws(Problem)
        -> AuditReport
    {
        try await database.read { [keys] transaction in
            let start = try number.map { number in
                guard let checkpoint = try transaction.checkpoint(number) else {
                    throw Problem(.notFound, detail: "There is no checkpoint \(number).")
                }
                return checkpoint
            }
            let known = Dictionary(
                uniqueKeysWithValues: try keys.known(in: transaction).map { ($0.id.text, $0.publicBytes) })
            var verifier = AuditVerifier(
                AuditVerifier.State(
                    shards: try transaction.auditShards(), checkpoints: try transaction.checkpointCount()),
                keys: keys,
                from: start
            ) { $0.isGenuine(under: known) }
            var read = number ?? 0
            while case let checkpoints = try transaction.checkpoints(after: read, atMost: Self.verificationBatch),
                let last = checkpoints.last
            {
                for checkpoint in checkpoints { verifier.add(checkpoint) }
                read = last.number
            }
            for witness in reservationResolvers { verifier.addWitness(witness) }
            // Rows behind the start are passed over; those of the first shard need not even be read.
            var place = start?.heads.first.flatMap { $0.shard == 0 ? $0.place : nil }
            while case let rows = try transaction.auditRows(after: place, atMost: Self.verificationBatch),
                let last = rows.last
            {
                for row in rows { verifier.add(row) }
                place = last.place
            }
            verifier.finish()
            return verifier.report
        }
    }

    /// The keys that sign checkpoints, newest first; the first call makes one.
    package func publicKeys() async throws(Problem) -> [AuditSigningKey] {
        try await database.write { [keys, runtime] transaction in
            _ = try keys.signing(in: transaction, runtime: runtime)
            return try keys.known(in: transaction)
        }
    }
}
