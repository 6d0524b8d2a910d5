import Modules

/// Reads the trail from one end to the other and finds what was changed in it. Nothing but what it is given: no database, no clock.
///
/// Checkpoints are added first, in the order of their numbers, then rows in the order of their places.
struct AuditVerifier {
    /// What the trail says of itself beside its rows.
    struct State: Sendable {
        /// How far each shard was written.
        var shards: [Int64: Int64]
        /// The number of the newest checkpoint.
        var checkpoints: Int64
    }

    /// How many findings are told apart; the first is what matters.
    static let findingsMax = 100

    private let state: State
    private let isGenuine: (AuditCheckpoint) -> Bool
    /// Absent where somebody else than the installation verifies.
    private let keys: AuditKeys?
    private var shards: [Int64: Reach] = [:]
    /// The heads that checkpoints signed: by shard, and there by sequence.
    private var signed: [Int64: [Int64: SignedHead]] = [:]
    private var newest: AuditCheckpoint?
    private var lastCheckpoint: (number: Int64, digest: String)
    private var erasures: [String: ErasedFields] = [:]
    private var told: [String: AuditRow] = [:]
    private let start: AuditCheckpoint?
    private(set) var report = AuditReport()

    /// How far reading came in a shard.
    private struct Reach {
        var sequence: Int64
        /// Nil where rows before this one are missing, so that nobody can say.
        var hash: String?
    }

    private struct SignedHead {
        let hash: String
        let checkpoint: Int64
    }

    /// - Parameters:
    ///   - isGenuine: whether the installation signed a checkpoint.
    ///   - keys: the installation's; nil verifies without the seals.
    ///   - start: a checkpoint to begin behind instead of at the beginning; it is verified too.
    init(
        _ state: State, keys: AuditKeys?, from start: AuditCheckpoint? = nil,
        isGenuine: @escaping (AuditCheckpoint) -> Bool
    ) {
        self.state = state
        self.isGenuine = isGenuine
        self.keys = keys
        self.start = start
        lastCheckpoint = (start?.number ?? 0, start?.digest ?? AuditRow.beginning)
        guard let start else { return }
        newest = start
        for head in start.heads { shards[head.shard] = Reach(sequence: head.sequence, hash: head.hash) }
        if !isGenuine(start) { find(.checkpoint(start.number), "is not signed by this installation, or was changed") }
    }

    /// Whether rows up to `place` are taken as they are, being behind the start.
    private func isBeforeStart(_ place: AuditChainPosition) -> Bool {
        start?.heads.contains { $0.shard == place.shard && place.sequence <= $0.sequence } ?? false
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
                number > lastCheckpoint.number ? "is missing" : "stands in the wrong place")
        } else if checkpoint.previous != lastCheckpoint.digest {
            find(.checkpoint(number), "does not follow the checkpoint before it")
        }
        lastCheckpoint = (number, checkpoint.digest)
        newest = checkpoint
        expect(checkpoint)
    }

    /// Adds a checkpoint that was kept outside: in a log, or by somebody else.
    mutating func addWitness(_ checkpoint: AuditCheckpoint) {
        guard isGenuine(checkpoint) else {
            return find(.witness(checkpoint.number), "is not signed by this installation")
        }
        if checkpoint.number > lastCheckpoint.number {
            find(
                .witness(checkpoint.number),
                "is newer than the newest in the database, which was put back to an earlier state")
        }
        expect(checkpoint)
    }

    private mutating func expect(_ checkpoint: AuditCheckpoint) {
        for head in checkpoint.heads where !isBeforeStart(head.place) {
            if let other = signed[head.shard]?[head.sequence], other.hash != head.hash {
                find(
                    .row(head.place, id: nil),
                    "is signed differently by the checkpoints \(other.checkpoint) and \(checkpoint.number)")
            }
            signed[head.shard, default: [:]][head.sequence] = SignedHead(hash: head.hash, checkpoint: checkpoint.number)
        }
    }

    mutating func add(_ row: AuditRow) {
        report.rows += 1
        guard !isBeforeStart(row.place) else { return }
        let reach = shards[row.shard] ?? Reach(sequence: 0, hash: AuditRow.beginning)
        var previous = reach.hash
        if row.sequence <= reach.sequence {
            return find(row, "stands in a place that is taken: it was put in, or moved")
        } else if row.sequence > reach.sequence + 1 {
            findMissing(AuditChainPosition(shard: row.shard, sequence: reach.sequence + 1), through: row.sequence - 1)
            previous = nil
        }
        shards[row.shard] = Reach(sequence: row.sequence, hash: row.hash)
        if row.sequence > state.shards[row.shard] ?? 0 {
            find(row, "stands behind the end of its shard: it was put in, or the count was changed")
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
            guard let erasure else { return find(row, "says that it was erased in a way that nobody can read") }
            for field in PersonalField.allCases {
                if let erased = erasure.fields[field.rawValue] {
                    erasures[erased.by, default: ErasedFields()].add(row, field)
                }
            }
            report.erased += 1
        }
        if (row.erasure == nil) == row.salt.isEmpty { find(row, "has lost its salt, or kept it after an erasure") }
        if let previous, row.link(after: previous, erasure: erasure) != row.hash {
            find(row, "was edited, or the row before it was exchanged")
        }
        if let keys, keys.seal(of: row.hash) != row.seal {
            find(row, "was not written by this installation: its seal is wrong")
        }
        if row.action == AuditModule.erasureAction { told[row.id] = row }
    }

    /// Says what is missing at the end. Erasures are counted only where the whole trail was read.
    mutating func finish() {
        for (shard, written) in state.shards.sorted(by: { $0.key < $1.key }) {
            let reached = shards[shard]?.sequence ?? 0
            if written < 0 { find(.shard(shard), "is counted wrongly") }
            if reached < written {
                findMissing(AuditChainPosition(shard: shard, sequence: reached + 1), through: written)
            }
        }
        for (shard, heads) in signed.sorted(by: { $0.key < $1.key }) {
            // What was found is removed: these were signed, and are not there.
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
                isMissing ? "is missing" : "was put in, or their count was changed")
        }
        report.newest = newest
        for shard in shards.keys where state.shards[shard] == nil { find(.shard(shard), "is not counted any more") }
        for shard in 0..<AuditSchema.shardCount where state.shards[shard] == nil { find(.shard(shard), "is missing") }
        if start == nil { finishErasures() }
    }

    /// An erasure tells how much it took: more than that was taken by somebody else.
    private mutating func finishErasures() {
        for (id, row) in told.sorted(by: { $0.value.place < $1.value.place }) {
            let details = (erasures[id] ?? ErasedFields()).details
            if row.erasure != nil { find(row, "tells of an erasure and was erased itself") }
            if (try? AuditRow.text(of: details)) != row.personal[.details] {
                find(
                    row,
                    "tells of an erasure of other rows than those that are erased in its name (now \(details["rows"] ?? "") rows)"
                )
            }
        }
        for id in erasures.keys.sorted() where told[id] == nil {
            find(.erasure(id), "is named by erased rows and was never written down")
        }
    }

    // MARK: Findings

    private mutating func findMissing(_ first: AuditChainPosition, through last: Int64) {
        let count = last - first.sequence + 1
        guard count > 0 else { return }
        append(
            AuditFinding(
                .row(first, id: nil), count == 1 ? "is missing" : "is missing, and so are the \(count - 1) after it",
                through: last))
    }

    private mutating func find(_ row: AuditRow, _ reason: String) { find(.row(row.place, id: row.id), reason) }

    private mutating func find(_ what: AuditFinding.What, _ reason: String) { append(AuditFinding(what, reason)) }

    private mutating func append(_ finding: AuditFinding) {
        report.findingCount += 1
        if report.findings.count < Self.findingsMax { report.findings.append(finding) }
    }
}

/// What verification came to.
package struct AuditReport: Sendable {
    package fileprivate(set) var rows: Int64 = 0
    /// Rows of which something was erased, as an erasure of this trail tells.
    package fileprivate(set) var erased: Int64 = 0
    package fileprivate(set) var checkpoints: Int64 = 0
    /// The last checkpoint that is good.
    package fileprivate(set) var newest: AuditCheckpoint?
    /// What is wrong, in the order in which it was found; the first hundred.
    package fileprivate(set) var findings: [AuditFinding] = []
    package fileprivate(set) var findingCount: Int64 = 0

    package var isSound: Bool { findingCount == 0 }
}

/// One thing that is wrong with the trail.
package struct AuditFinding: Sendable, CustomStringConvertible {
    enum What: Sendable {
        case row(AuditChainPosition, id: String?)
        case checkpoint(Int64)
        /// A checkpoint from outside.
        case witness(Int64)
        case shard(Int64)
        case erasure(String)
    }

    let what: What
    let reason: String
    private let last: Int64?

    init(_ what: What, _ reason: String, through last: Int64? = nil) {
        self.what = what
        self.reason = reason
        self.last = last
    }

    /// Whether this is about rows that are missing, and that place is among them.
    fileprivate func covers(_ shard: Int64, _ sequence: Int64) -> Bool {
        guard case .row(let place, _) = what, let last else { return false }
        return place.shard == shard && (place.sequence...last).contains(sequence)
    }

    package var description: String {
        switch what {
        case .row(let place, let id): "Row \(place)\(id.map { " (\($0))" } ?? "") \(reason)."
        case .checkpoint(let number): "Checkpoint \(number) \(reason)."
        case .witness(let number): "The given checkpoint, number \(number), \(reason)."
        case .shard(let shard): "Shard \(shard) \(reason)."
        case .erasure(let id): "Erasure \(id) \(reason)."
        }
    }
}
