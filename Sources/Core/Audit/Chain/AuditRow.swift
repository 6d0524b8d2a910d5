import Modules
import Secrets

/// One row of the table `audit_events` with all of its columns.
///
/// The chain covers every personal field by a salted hash of its own. After an erasure the hash remains and keeps the
/// chain valid; without the salt it does not reveal the value.
struct AuditRow: Sendable, Hashable {
    let shard: Int64
    let sequence: Int64
    let id: String
    let at: Instant
    let action: String
    let outcome: String
    let organisation: String?
    let subjectKind: String
    /// The personal values by field; absent where the column is NULL.
    var personal: [PersonalField: String]
    /// 16 random bytes in hexadecimal; empty after an erasure.
    var salt: String
    /// The JSON of an ``AuditErasure``; nil without erased fields.
    var erasure: String?
    /// The row's link: SHA-256 over the previous link and this row.
    var hash = ""
    /// A message authentication code of the link under the installation's key: without that key the chain cannot be
    /// extended.
    var seal = ""

    var position: AuditChainPosition { AuditChainPosition(shard: shard, sequence: sequence) }

    /// Whether the hash fits the content after a row whose hash is `previous`; false for a record of an erasure that
    /// cannot be read.
    func isLinked(after previous: String) -> Bool {
        let parsed = erasure.flatMap { AuditErasure($0) }
        return (parsed == nil) == (erasure == nil) && link(after: previous, erasure: parsed) == hash
    }

    /// The hash of this row after a row whose hash is `previous`.
    /// - Parameter erasure: the parsed value of ``erasure``.
    func link(after previous: String, erasure: AuditErasure? = nil) -> String {
        var bytes = CanonicalBytes("gatehouse audit link 1")
        bytes.append(previous)
        bytes.append(shard)
        bytes.append(sequence)
        bytes.append(id)
        bytes.append(at.microseconds)
        bytes.append(action)
        bytes.append(outcome)
        bytes.append(organisation)
        bytes.append(subjectKind)
        for field in PersonalField.allCases { bytes.append(commitment(to: field, erasure)) }
        return Hex.encode(bytes.digest)
    }

    /// The salted hash of a field that the link covers; nil for a field that was NULL when the row was written.
    func commitment(to field: PersonalField, _ erasure: AuditErasure?) -> [UInt8]? {
        if let erased = erasure?.fields[field.rawValue] { return Hex.decode(erased.commitment) ?? [] }
        guard let value = personal[field] else { return nil }
        var bytes = CanonicalBytes("gatehouse audit field 1")
        bytes.append(erasure.map { Hex.decode($0.salts[field.rawValue] ?? "") ?? [] } ?? Self.salt(of: field, salt))
        bytes.append(value)
        return bytes.digest
    }

    /// The salt of one field, from which neither the row's salt nor that of another field can be derived.
    static func salt(of field: PersonalField, _ rowSalt: String) -> [UInt8] {
        var bytes = CanonicalBytes("gatehouse audit salt 1")
        bytes.append(rowSalt)
        bytes.append(field.rawValue)
        return bytes.digest
    }

    /// The link before the first row.
    static let initialHash = String(repeating: "0", count: 64)
}

extension AuditRow {
    init(
        _ event: AuditEvent, id: ID<AuditEvent>, at instant: Instant, position: ReservedAuditChainPosition, salt: String
    ) {
        shard = position.shard
        sequence = position.sequence
        self.id = id.text
        at = instant
        action = event.action
        outcome = event.outcome.rawValue
        organisation = event.organisation
        subjectKind = event.subjectKind
        var personal: [PersonalField: String] = [:]
        personal[.actor] = event.actor
        personal[.impersonator] = event.impersonator
        personal[.subject] = event.subject
        personal[.target] = event.target
        personal[.address] = event.address
        personal[.request] = event.requestID
        personal[.details] = Self.text(of: event.details)
        self.personal = personal
        self.salt = salt
    }

    /// The JSON of the column `details`: one text for equal details, which verification relies on. It is that of
    /// `JSONEncoder` with sorted keys and without escaped slashes, which takes ten times as long.
    static func text(of details: [String: String]) -> String {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(256)
        bytes.append(UInt8(ascii: "{"))
        for (key, value) in details.sorted(by: { $0.key < $1.key }) {
            if bytes.count > 1 { bytes.append(UInt8(ascii: ",")) }
            bytes.append(jsonString: key)
            bytes.append(UInt8(ascii: ":"))
            bytes.append(jsonString: value)
        }
        bytes.append(UInt8(ascii: "}"))
        return String(decoding: bytes, as: UTF8.self)
    }

    init(row: Row) throws {
        shard = try row["shard"]
        sequence = try row["sequence"]
        id = try row["id"]
        at = try row["at"]
        action = try row["action"]
        outcome = try row["outcome"]
        organisation = try row["organisation_id"]
        subjectKind = try row["subject_kind"]
        var personal: [PersonalField: String] = [:]
        for field in PersonalField.allCases { personal[field] = try row.read(field.rawValue, as: String?.self) }
        self.personal = personal
        salt = try row["salt"]
        erasure = try row["erasure"]
        hash = try row["hash"]
        seal = try row["seal"]
    }
}
