import Modules

/// Verifies the rows and checkpoints of an audit trail without a database or a clock.
///
/// The checkpoint of the file must be given first, then the checkpoints by number, then external checkpoints, then rows
/// by position.
struct AuditVerifier {
    /// The counters that the database stores beside the rows.
    struct State: Sendable {
        /// The number of rows written, by shard.
        var shards: [Int64: Int64]
        /// The number of the newest checkpoint.
        var checkpoints: Int64
    }

    private let state: State
    private let isGenuine: (AuditCheckpoint) -> Bool
    private let keys: AuditKeys?
    private var shards: [Int64: Progress] = [:]
    /// The heads that checkpoints signed, by shard and sequence, until their row is read.
    private var signed: [Int64: [Int64: SignedHead]] = [:]
    private var newest: AuditCheckpoint?
    private var lastCheckpoint: (number: Int64, digest: String)
    /// The erased fields by the id of the event that the rows name.
    private var erasures: [String: ErasedFields] = [:]
    /// The events that record erasures, by id.
    private var erasureEvents: [String: AuditRow] = [:]
    private let start: AuditCheckpoint?
    /// The checkpoint of the file; nil without one, a failure where it cannot be read.
    private var kept: Result<AuditCheckpoint?, any Error> = .success(nil)
    private(set) var report = AuditReport()

    /// The last row that was read of a shard.
    private struct Progress {
        var sequence: Int64
        /// Nil where the row is missing, so that the link of the next row cannot be checked.
        var hash: String?
    }

    private struct SignedHead {
        let hash: String
        let checkpoint: Int64
    }

    /// - Parameters:
    ///   - keys: the installation's keys; nil verifies without the seals.
    ///   - start: a checkpoint to start after; nil starts at the first row. Its signature is verified.
    ///   - isGenuine: whether the installation signed a checkpoint.
    init(
        _ state: State, keys: AuditKeys?, from start: AuditCheckpoint? = nil,
        isGenuine: @escaping (AuditCheckpoint) -> Bool
    ) {
        self.state = state
        self.isGenuine = isGenuine
        self.keys = keys
        self.start = start
        lastCheckpoint = (start?.number ?? 0, start?.digest ?? AuditRow.initialHash)
        guard let start else { return }
        newest = start
        for head in start.heads { shards[head.shard] = Progress(sequence: head.sequence, hash: head.hash) }
        if !isGenuine(start) { find(.checkpoint(start.number), "is not signed by this installation, or was changed") }
    }

    /// Rows up to the start are not verified.
    private func isBeforeStart(_ position: AuditChainPosition) -> Bool {
        start?.heads.contains { $0.shard == position.shard && position.sequence <= $0.sequence } ?? false
    }

    /// Gives the checkpoint of the file outside of the database.
    mutating func keep(_ checkpoint: Result<AuditCheckpoint?, any Error>) {
        kept = checkpoint
        if case .success(let checkpoint?) = kept, isGenuine(checkpoint) { expect(checkpoint) }
    }

    private mutating func finishKept() {
        switch kept {
        case .success(nil): break
        case .failure:
            report.append(AuditFinding(.keptCheckpoint(nil), "cannot be read"))
        case .success(let checkpoint?):
            let subject = AuditFinding.Subject.keptCheckpoint(checkpoint.number)
            if !isGenuine(checkpoint) { return find(subject, "is not signed by this installation") }
            guard checkpoint.number > lastCheckpoint.number else {
                report.kept = checkpoint
                return
            }
            find(subject, "is newer than the newest in the database, which was reset to an earlier state")
        }
    }

    mutating func add(_ checkpoint: AuditCheckpoint) {
        report.checkpoints += 1
        let number = checkpoint.number
        guard isGenuine(checkpoint) else {
            lastCheckpoint = (number, checkpoint.digest)
            return find(.checkpoint(number), "is not signed by this installation, or was changed")
        }
        if number != lastCheckpoint.number + 1 {
            find(
                .checkpoint(lastCheckpoint.number + 1),
                number > lastCheckpoint.number ? "is missing" : "is out of order")
        } else if checkpoint.previous != lastCheckpoint.digest {
            find(.checkpoint(number), "does not refer to the previous checkpoint")
        }
        lastCheckpoint = (number, checkpoint.digest)
        newest = checkpoint
        expect(checkpoint)
    }

    /// Adds a checkpoint that was kept outside of the database, such as in a log.
    mutating func addExternal(_ checkpoint: AuditCheckpoint) {
        guard isGenuine(checkpoint) else {
            return find(.externalCheckpoint(checkpoint.number), "is not signed by this installation")
        }
        if checkpoint.number > lastCheckpoint.number {
            find(
                .externalCheckpoint(checkpoint.number),
                "is newer than the newest in the database, which was reset to an earlier state")
        }
        expect(checkpoint)
    }

    private mutating func expect(_ checkpoint: AuditCheckpoint) {
        for head in checkpoint.heads where !isBeforeStart(head.position) {
            if let other = signed[head.shard]?[head.sequence], other.hash != head.hash {
                find(
                    .row(head.position, id: nil),
                    "has different hashes in the checkpoints \(other.checkpoint) and \(checkpoint.number)")
            }
            signed[head.shard, default: [:]][head.sequence] = SignedHead(hash: head.hash, checkpoint: checkpoint.number)
        }
    }

    mutating func add(_ row: AuditRow) {
        report.rows += 1
        guard !isBeforeStart(row.position) else { return }
        let progress = shards[row.shard] ?? Progress(sequence: 0, hash: AuditRow.initialHash)
        var previous = progress.hash
        if row.sequence <= progress.sequence {
            return find(row, "has the position of another row: it was inserted or moved")
        } else if row.sequence > progress.sequence + 1 {
            let first = AuditChainPosition(shard: row.shard, sequence: progress.sequence + 1)
            findMissing(first, through: row.sequence - 1)
            previous = nil
        }
        shards[row.shard] = Progress(sequence: row.sequence, hash: row.hash)
        if row.sequence > state.shards[row.shard] ?? 0 {
            find(row, "is after the end of its shard: it was inserted, or the count was changed")
        }
        checkContent(of: row, after: previous)
        if let head = signed[row.shard]?.removeValue(forKey: row.sequence), head.hash != row.hash {
            find(row, "is not the row that checkpoint \(head.checkpoint) was signed over")
        }
    }

    private mutating func checkContent(of row: AuditRow, after previous: String?) {
        var erasure: AuditErasure?
        if let text = row.erasure {
            erasure = AuditErasure(text)
            guard let erasure else { return find(row, "is marked as erased, but its erasure record is invalid") }
            for field in PersonalField.allCases {
                if let erased = erasure.fields[field.rawValue] {
                    erasures[erased.by, default: ErasedFields()].add(row, field)
                }
            }
            report.erased += 1
        }
        if (row.erasure == nil) == row.salt.isEmpty { find(row, "has no salt, or has one after an erasure") }
        if let previous, row.link(after: previous, erasure: erasure) != row.hash {
            find(row, "was edited, or the previous row was replaced")
        }
        if let keys, keys.seal(of: row.hash) != row.seal {
            find(row, "was not written by this installation: its seal is wrong")
        }
        if row.action == AuditErasureService.action { erasureEvents[row.id] = row }
    }

    /// Reports what is missing at the end. Erasures are counted only when the whole trail was read.
    mutating func finish() {
        for (shard, written) in state.shards.sorted(by: { $0.key < $1.key }) {
            let reached = shards[shard]?.sequence ?? 0
            if written < 0 { find(.shard(shard), "has a negative count") }
            if reached < written {
                findMissing(AuditChainPosition(shard: shard, sequence: reached + 1), through: written)
            }
        }
        // Heads whose row was read are removed above: the remaining ones were signed and have no row.
        for (shard, heads) in signed.sorted(by: { $0.key < $1.key }) {
            guard let (sequence, head) = heads.min(by: { $0.key < $1.key }),
                !report.findings.contains(where: { $0.covers(shard, sequence) })
            else { continue }
            find(
                .row(AuditChainPosition(shard: shard, sequence: sequence), id: nil),
                "is missing, though checkpoint \(head.checkpoint) was signed over it")
        }
        if lastCheckpoint.number != state.checkpoints {
            let isMissing = lastCheckpoint.number < state.checkpoints
            find(
                .checkpoint(isMissing ? lastCheckpoint.number + 1 : lastCheckpoint.number),
                isMissing ? "is missing" : "was inserted, or the number of checkpoints was changed")
        }
        report.newest = newest
        for shard in shards.keys where state.shards[shard] == nil { find(.shard(shard), "has no count") }
        for shard in 0..<AuditSchema.shardCount where state.shards[shard] == nil { find(.shard(shard), "is missing") }
        if start == nil { finishErasures() }
        finishKept()
    }

    /// The event of an erasure stores the digest of all erased fields: a field that was erased without it is detected.
    private mutating func finishErasures() {
        for (id, row) in erasureEvents.sorted(by: { $0.value.position < $1.value.position }) {
            let details = (erasures[id] ?? ErasedFields()).details
            if row.erasure != nil { find(row, "records an erasure and was erased itself") }
            if AuditRow.text(of: details) != row.personal[.details] {
                find(
                    row,
                    "records an erasure of other rows than those that name it (now \(details["rows"] ?? "") rows)")
            }
        }
        for id in erasures.keys.sorted() where erasureEvents[id] == nil {
            find(.erasure(id), "is named by erased rows and is not recorded")
        }
    }

    // MARK: Findings

    private mutating func findMissing(_ first: AuditChainPosition, through last: Int64) {
        let count = last - first.sequence + 1
        guard count > 0 else { return }
        let reason = count == 1 ? "is missing" : "is missing, and so are the \(count - 1) after it"
        report.append(AuditFinding(.row(first, id: nil), reason, through: last))
    }

    private mutating func find(_ row: AuditRow, _ reason: String) { find(.row(row.position, id: row.id), reason) }

    private mutating func find(_ subject: AuditFinding.Subject, _ reason: String) {
        report.append(AuditFinding(subject, reason))
    }
}
