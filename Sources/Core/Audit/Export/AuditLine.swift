import Foundation
import Modules

/// The lines of exports: one JSON object each, in one spelling.
enum AuditLine {
    static func text(of value: JSONValue) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(value), as: UTF8.self)
    }
}

extension AuditSigningKey {
    /// The public part.
    var exported: JSONValue {
        ["key": ["id": .string(id.text), "ed25519": .string(Hex.encode(publicBytes))]]
    }
}

extension AuditRow {
    /// All columns.
    var exported: [String: JSONValue] {
        var members: [String: JSONValue] = [
            "shard": .integer(shard), "sequence": .integer(sequence), "id": .string(id),
            "at": .integer(at.microseconds), "action": .string(action),
            "outcome": .string(outcome), "organisation_id": organisation.map { .string($0) } ?? .null,
            "subject_kind": .string(subjectKind),
            "salt": .string(salt), "erasure": erasure.map { .string($0) } ?? .null, "hash": .string(hash),
            "seal": .string(seal),
        ]
        for field in PersonalField.allCases { members[field.rawValue] = personal[field].map { .string($0) } ?? .null }
        return members
    }

    /// - Parameter members: as ``exported``; others are ignored.
    /// - Returns: nil where one is missing or of another kind.
    init?(exported members: JSONValue) {
        guard let shard = members["shard"]?.integer, let sequence = members["sequence"]?.integer,
            let id = members["id"]?.string, let at = members["at"]?.integer, let action = members["action"]?.string,
            let outcome = members["outcome"]?.string, let subjectKind = members["subject_kind"]?.string,
            let salt = members["salt"]?.string, let hash = members["hash"]?.string, let seal = members["seal"]?.string
        else { return nil }
        self.shard = shard
        self.sequence = sequence
        self.id = id
        self.at = Instant(microseconds: at)
        self.action = action
        self.outcome = outcome
        organisation = members["organisation_id"]?.string
        self.subjectKind = subjectKind
        var personal: [PersonalField: String] = [:]
        for field in PersonalField.allCases { personal[field] = members[field.rawValue]?.string }
        self.personal = personal
        self.salt = salt
        erasure = members["erasure"]?.string
        self.hash = hash
        self.seal = seal
    }
}
