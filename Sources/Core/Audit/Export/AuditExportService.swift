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
            try write(AuditLine.text(of: key.exported))
        }
        var number: Int64 = 0
        while case let checkpoints = try await database.read({ [number] in
            try $0.checkpoints(after: number, atMost: Self.batchSize)
        }),
            let last = checkpoints.last
        {
            for checkpoint in checkpoints {
                try write(AuditLine.text(of: ["checkpoint": try JSONValue(parsing: Array(checkpoint.json.utf8))]))
            }
            number = last.number
        }
        var position: AuditChainPosition?
        while case let rows = try await database.read({ [position] in
            try $0.auditRows(after: position, atMost: Self.batchSize)
        }), let last = rows.last {
            for row in rows { try write(AuditLine.text(of: ["row": .object(row.exported)])) }
            position = last.position
        }
    }
}
