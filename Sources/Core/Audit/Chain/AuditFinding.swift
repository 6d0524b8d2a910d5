/// One inconsistency of the audit trail.
package struct AuditFinding: Sendable, CustomStringConvertible {
    enum Subject: Sendable {
        case row(AuditChainPosition, id: String?)
        case checkpoint(Int64)
        /// A checkpoint that was kept outside of the database.
        case externalCheckpoint(Int64)
        /// The checkpoint of the file in the data folder; nil where it cannot be read.
        case keptCheckpoint(Int64?)
        case shard(Int64)
        /// The id of the event that should record the erasure.
        case erasure(String)
    }

    let subject: Subject
    let reason: String
    /// The last sequence number of a range of missing rows.
    private let last: Int64?

    init(_ subject: Subject, _ reason: String, through last: Int64? = nil) {
        self.subject = subject
        self.reason = reason
        self.last = last
    }

    /// Whether this finding reports a range of missing rows that contains the given row.
    func covers(_ shard: Int64, _ sequence: Int64) -> Bool {
        guard case .row(let position, _) = subject, let last else { return false }
        return position.shard == shard && (position.sequence...last).contains(sequence)
    }

    package var description: String {
        switch subject {
        case .row(let position, let id): "Row \(position)\(id.map { " (\($0))" } ?? "") \(reason)."
        case .checkpoint(let number): "Checkpoint \(number) \(reason)."
        case .externalCheckpoint(let number): "The given checkpoint, number \(number), \(reason)."
        case .keptCheckpoint(let number):
            "The checkpoint of the data folder\(number.map { ", number \($0)," } ?? "") \(reason)."
        case .shard(let shard): "Shard \(shard) \(reason)."
        case .erasure(let id): "Erasure \(id) \(reason)."
        }
    }
}
