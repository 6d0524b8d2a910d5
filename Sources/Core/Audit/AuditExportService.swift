import Foundation
import Modules

/// Exports the audit trail so that the chain can be verified without the database.
package final class AuditExportService: Sendable {
    private static let batchSize = 1_000

    private let database: any Database
    private let checkpoints: AuditCheckpointService

    init(database: any Database, checkpoints: AuditCheckpointService) {
        self.database = database
        self.checkpoints = checkpoints
    }

    /// Writes one JSON object per line: the public keys, then the checkpoints by number, then the rows with all columns
    /// by position.
    /// - Parameter write: receives each line without a line feed.
    package func export(_ write: (String) throws -> Void) async throws {
        for key in try await checkpoints.publicKeys() {
            try write(
                Self.line(["key": ["id": .string(key.id.text), "ed25519": .string(Hex.encode(key.publicBytes))]]))
        }
        var number: Int64 = 0
        while case let checkpoints = try await database.read({ [number] in
            try $0.checkpoints(after: number, atMost: Self.batchSize)
        }),
            let last = checkpoints.last
        {
            for checkpoint in checkpoints {
                try write(Self.line(["checkpoint": try JSONValue(parsing: Array(checkpoint.json.utf8))]))
            }
            number = last.number
        }
        var position: AuditChainPosition?
        while case let rows = try await database.read({ [position] in
            try $0.auditRows(after: position, atMost: Self.batchSize)
        }), let last = rows.last {
            for row in rows { try write(Self.line(["row": row.exported])) }
            position = last.position
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
