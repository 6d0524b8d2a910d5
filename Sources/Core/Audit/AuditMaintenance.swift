package import Modules

/// Asks for a checkpoint.
struct MakeCheckpoint: Job {
    static let name = "audit.checkpoint"
}

extension AuditModule {
    /// Every minute, on one of the nodes. While nothing is written there is nothing to sign.
    var checkpointSchedule: Schedule {
        Schedule(id: "audit.checkpoint", .every(.minutes(1))) { _, queue, transaction in
            try queue.enqueue(
                MakeCheckpoint(), JobOptions(priority: 10, uniqueKey: "checkpoint", maximumAttempts: 3), in: transaction
            )
        }
    }

    var checkpointWorker: Worker {
        Worker(MakeCheckpoint.self) { _, _ in
            try await makeCheckpoint()
            return .done
        }
    }

    /// Signs how far the trail reaches now, and logs it: the log is the copy outside of the database.
    /// - Returns: nil when nothing was written since the last one.
    @discardableResult
    package func makeCheckpoint() async throws(Problem) -> AuditCheckpoint? {
        let (made, broken) = try await database.write { [self] transaction -> (AuditCheckpoint?, AuditChainPosition?) in
            let number = try transaction.countCheckpoint()
            let newest = try transaction.newestCheckpoint()
            let heads = try transaction.auditHeads()
            guard !heads.isEmpty, heads != newest?.heads else {
                try transaction.uncountCheckpoint()
                return (nil, nil)
            }
            // The trail only grows: where the last checkpoint ended, the same rows still stand.
            let broken = try newest?.heads.first { try transaction.auditHash(at: $0.place) != $0.hash }?.place
            let checkpoint = try AuditCheckpoint(
                number: number,
                at: transaction.now,
                heads: heads,
                previous: newest?.digest ?? AuditRow.beginning,
                signedWith: try keys.signing(in: transaction, runtime: runtime)
            )
            try transaction.insert(checkpoint)
            return (checkpoint, broken)
        }
        if let broken {
            logger.critical(
                "The audit trail was changed: the row that the last checkpoint ended with is not what it was.",
                metadata: ["row": "\(broken)"])
        }
        guard let made else { return nil }
        logger.notice("audit checkpoint", metadata: ["checkpoint": "\((try? made.json) ?? "")"])
        return made
    }

    /// Takes the events from before the chain into it. Only an empty chain takes any: later, the old table is nobody's way in.
    package func adoptUnchained() async throws(Problem) {
        try await database.write { [self] transaction in
            // Two nodes may start at once.
            _ = try transaction.countCheckpoint()
            try transaction.uncountCheckpoint()
            guard try transaction.auditShards().values.allSatisfy({ $0 == 0 }) else { return }
            while case let events = try transaction.takeUnchainedEvents(atMost: 500), !events.isEmpty {
                for old in events { try record(old.event, id: old.id, at: old.at, in: transaction) }
            }
        }
    }

    /// Writes down which settings differ from those of the last start: their names only.
    /// - Parameter settings: the text of each setting that was given, by name.
    package func noteConfiguration(_ settings: [String: String]) async throws(Problem) {
        try await database.write { [self] transaction in
            let before = try transaction.settingFingerprints()
            let now = Dictionary(uniqueKeysWithValues: settings.map { ($0, keys.fingerprint(of: $1, named: $0)) })
            let changed = Set(before.keys).union(now.keys).filter { before[$0] != now[$0] }.sorted()
            guard !changed.isEmpty else { return }
            for name in changed {
                if let fingerprint = now[name] {
                    try transaction.keepSetting(name, fingerprint: fingerprint)
                } else {
                    try transaction.forgetSetting(name)
                }
            }
            try record(
                AuditEvent("configuration.changed", details: ["names": changed.joined(separator: ", ")]),
                in: transaction)
        }
    }
}

extension AuditCheckpoint.Head {
    var place: AuditChainPosition { AuditChainPosition(shard: shard, sequence: sequence) }
}
