import Foundation
import Modules
import Secrets

/// One row of the trail as it lies in the database, every column of it.
///
/// The chain commits to what may be personal through a salted hash a field: once the salt and the value are gone, the hash that
/// remains tells nothing, and the chain still holds.
struct AuditRow: Sendable, Hashable {
    let shard: Int64
    let sequence: Int64
    let id: String
    let at: Instant
    let action: String
    let outcome: String
    let organisation: String?
    let subjectKind: String
    /// What may be personal, by field; absent where the column is NULL.
    var personal: [PersonalField: String]
    /// 16 random bytes as hexadecimal text; empty once anything of the row was erased.
    var salt: String
    /// What remains of erased fields, see ``AuditErasure``.
    var erasure: String?
    /// The row's link: SHA-256 over the link before it and this row.
    var hash = ""
    /// A code over the link under the installation's key: without the key nobody can continue the chain.
    var seal = ""

    var place: AuditChainPosition { AuditChainPosition(shard: shard, sequence: sequence) }

    /// The hash that this row has after the row whose hash is `previous`.
    /// - Parameter erasure: what ``erasure`` says, read.
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

    /// What the chain says of a field; nil where it was empty from the beginning.
    func commitment(to field: PersonalField, _ erasure: AuditErasure?) -> [UInt8]? {
        if let erased = erasure?.fields[field.rawValue] { return Hex.decode(erased.commitment) ?? [] }
        guard let value = personal[field] else { return nil }
        var bytes = CanonicalBytes("gatehouse audit field 1")
        bytes.append(erasure.map { Hex.decode($0.salts[field.rawValue] ?? "") ?? [] } ?? Self.salt(of: field, salt))
        bytes.append(value)
        return bytes.digest
    }

    /// Each field has a salt of its own, from which neither the row's nor another field's can be found.
    static func salt(of field: PersonalField, _ rowSalt: String) -> [UInt8] {
        var bytes = CanonicalBytes("gatehouse audit salt 1")
        bytes.append(rowSalt)
        bytes.append(field.rawValue)
        return bytes.digest
    }

    /// The link before the first one.
    static let beginning = String(repeating: "0", count: 64)
}

/// Where a row stands: the shards are chains of their own, numbered from 1 without a gap.
package struct AuditChainPosition: Sendable, Hashable, Comparable, CustomStringConvertible {
    package let shard: Int64
    package let sequence: Int64

    package var description: String { "\(shard):\(sequence)" }

    package static func < (left: Self, right: Self) -> Bool {
        (left.shard, left.sequence) < (right.shard, right.sequence)
    }
}

/// The columns that may hold something about a person; their names are part of the chain.
enum PersonalField: String, Sendable, CaseIterable {
    case actor = "actor_id"
    case impersonator = "impersonator_id"
    case subject
    case target = "target_id"
    case address
    case request = "request_id"
    case details

    /// Those that hold an id, which a pseudonym can stand for.
    static let ids: [PersonalField] = [.actor, .impersonator, .subject, .target]
}

extension AuditRow {
    init(_ event: AuditEvent, id: ID<AuditEvent>, at instant: Instant, place: ReservedAuditChainPosition, salt: String)
        throws
    {
        shard = place.shard
        sequence = place.sequence
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
        personal[.details] = try Self.text(of: event.details)
        self.personal = personal
        self.salt = salt
    }

    /// Details as the column holds them.
    static func text(of details: [String: String]) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(details), as: UTF8.self)
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

/// A place in the chain that the present transaction has taken.
struct ReservedAuditChainPosition: Sendable {
    let shard: Int64
    let sequence: Int64
    /// The hash of the row before it.
    let previous: String
}
