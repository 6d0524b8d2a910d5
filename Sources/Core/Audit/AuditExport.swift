import Foundation
import Modules

extension AuditModule {
    /// Gives the trail out line by line, each a JSON object: keys, then checkpoints, then rows in the order of their places, all columns of them.
    /// Whoever has the lines can follow the chain without the database.
    package func export(_ write: (String) throws -> Void) async throws {
        for key in try await publicKeys() {
            try write(
                Self.line(["key": ["id": .string(key.id.text), "ed25519": .string(Hex.encode(key.publicBytes))]]))
        }
        var number: Int64 = 0
        while case let checkpoints = try await database.read({ [number] in
            try $0.checkpoints(after: number, atMost: Self.verificationBatch)
        }),
            let last = checkpoints.last
        {
            for checkpoint in checkpoints {
                try write(Self.line(["checkpoint": try JSONValue(parsing: Array(checkpoint.json.utf8))]))
            }
            number = last.number
        }
        var place: AuditChainPosition?
        while case let rows = try await database.read({ [place] in
            try $0.auditRows(after: place, atMost: Self.verificationBatch)
        }), let last = rows.last {
            for row in rows { try write(Self.line(["row": row.exported])) }
            place = last.place
        }
    }

    private static func line(_ value: JSONValue) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(value), as: UTF8.self)
    }
}

extension AuditRow {
    fileprivate var exported: JSONValue {
        var members: [String: JSONValue] = [
            "shard": .integer(shard), "sequence": .integer(sequence), "id": .string(id),
            "at": .integer(at.microseconds), "action": .string(action),
            "outcome": .string(outcome), "organisation_id": organisation.map { .string($0) } ?? .null,
            "subject_kind": .string(subjectKind),
            "salt": .string(salt), "erasure": erasure.map { .string($0) } ?? .null, "hash": .string(hash),
            "seal": .string(seal),
        ]
        for field in PersonalField.allCases { members[field.rawValue] = personal[field].map { .string($0) } ?? .null }
        return .object(members)
    }
}
