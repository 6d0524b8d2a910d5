package import Identity
package import Modules

/// The storage of an organisation, counted in bytes against the plan's limit. All methods run in the caller's
/// transaction.
package final class StorageQuotaService: Sendable {
    private let levels: LevelCache

    init(levels: LevelCache) { self.levels = levels }

    /// Adds bytes to the organisation's storage.
    /// - Throws: `storage-exceeded`.
    package func allocate(bytes: Int64, of snapshot: EntitlementSnapshot, in transaction: Transaction) throws {
        let bucket = Bucket.storage(of: snapshot.organisation)
        guard try transaction.use(bytes, of: bucket, limit: snapshot.plan.storageBytes) != nil else {
            throw snapshot.storageRefusal(of: bytes, at: try transaction.level(of: bucket))
        }
        levels.invalidateSnapshot(of: snapshot.organisation, after: transaction)
    }

    /// Checks, without a change, whether ``allocate(bytes:of:in:)`` would succeed: for a refusal before the upload.
    /// - Throws: `storage-exceeded`.
    package func check(bytes: Int64, of snapshot: EntitlementSnapshot, in transaction: Transaction) throws {
        let level = try transaction.level(of: Bucket.storage(of: snapshot.organisation))
        guard snapshot.plan.storageBytes.allows(level.used + bytes) else {
            throw snapshot.storageRefusal(of: bytes, at: level)
        }
    }

    /// The bytes that were left of the plan's storage when the snapshot was read.
    package func left(of snapshot: EntitlementSnapshot) -> Int64 {
        snapshot.plan.storageBytes.bound - snapshot.storage.used
    }

    /// The refusal of bytes beside `others`, which are on their way to the disk and not counted yet.
    package func refusal(of bytes: Int64, beside others: Int64, of snapshot: EntitlementSnapshot) -> Problem {
        var level = snapshot.storage
        level.held += others
        var refusal = snapshot.storageRefusal(of: bytes, at: level)
        refusal.detail =
            "Other files are on their way. Wait until they have arrived, delete files that are no longer needed, or "
            + "change the plan."
        return refusal
    }

    /// Replaces bytes that were allocated before the work by those that its files take.
    package func settle(
        allocated: Int64, actual: Int64, of organisation: ID<Organisation>, in transaction: Transaction
    ) throws {
        try transaction.settle(Bucket.storage(of: organisation), held: 0, used: actual - allocated)
        levels.invalidateSnapshot(of: organisation, after: transaction)
    }

    /// Subtracts bytes from the organisation's storage.
    package func release(bytes: Int64, of organisation: ID<Organisation>, in transaction: Transaction) throws {
        try transaction.settle(Bucket.storage(of: organisation), held: 0, used: -bytes)
        levels.invalidateSnapshot(of: organisation, after: transaction)
    }
}

extension EntitlementSnapshot {
    /// - Parameter bytes: what the refused work would take.
    fileprivate func storageRefusal(of bytes: Int64, at level: Level) -> Problem {
        func megabytes(_ bytes: Int64) -> JSONValue { .number((Double(bytes) / 1_048_576 * 100).rounded() / 100) }
        return Problem(
            .storageExceeded,
            detail: "Delete files that are no longer needed, or change the plan.",
            members: [
                "plan": .string(plan.name), "current_usage_mb": megabytes(level.used),
                "limit_mb": megabytes(plan.storageBytes.value), "required": .integer(bytes),
                "available": .integer(max(0, plan.storageBytes.value - level.used - level.held)),
            ]
        )
    }
}

extension Problem.Kind {
    package static let storageExceeded = Self("storage-exceeded", "Storage limit reached", status: 403)
}
