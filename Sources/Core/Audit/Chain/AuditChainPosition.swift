/// The position of a row. Every shard is a chain of its own, numbered from 1 without gaps.
package struct AuditChainPosition: Sendable, Hashable, Comparable, CustomStringConvertible {
    package let shard: Int64
    package let sequence: Int64

    package var description: String { "\(shard):\(sequence)" }

    package static func < (left: Self, right: Self) -> Bool {
        (left.shard, left.sequence) < (right.shard, right.sequence)
    }
}

/// A position that the current transaction has reserved.
struct ReservedAuditChainPosition: Sendable {
    let shard: Int64
    let sequence: Int64
    /// The hash of the previous row.
    let previous: String
}
