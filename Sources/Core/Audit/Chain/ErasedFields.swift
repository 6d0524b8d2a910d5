import Secrets

/// A digest over all fields of one erasure. The event of the erasure stores it; verification computes it again.
struct ErasedFields {
    private var digest = Digest()
    private(set) var rows: Int64 = 0
    private(set) var fields: Int64 = 0
    private var last: AuditChainPosition?

    /// Rows must be added in the order of their positions.
    mutating func add(_ row: AuditRow, _ field: PersonalField) {
        var bytes = CanonicalBytes("gatehouse audit erased 1")
        bytes.append(row.shard)
        bytes.append(row.sequence)
        bytes.append(field.rawValue)
        bytes.append(row.personal[field])
        digest.update(bytes.bytes)
        fields += 1
        if last != row.position { rows += 1 }
        last = row.position
    }

    /// The details of the event that records the erasure.
    var details: [String: String] { ["rows": "\(rows)", "fields": "\(fields)", "digest": digest.hex()] }
}
