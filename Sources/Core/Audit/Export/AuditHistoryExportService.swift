package import Modules
import Secrets

/// Exports all rows about one object, so that their completeness and their content can be verified without the
/// database.
///
/// The lines are the public key, the rows, the oldest first, and a signed statement over the lines before it. Each row
/// has the hash of the row before it in the chain, with which its own hash can be computed. Network addresses and ids
/// of requests are withheld as an erasure withholds them: their commitments stay, so that the hash still holds.
package final class AuditHistoryExportService: Sendable {
    private static let batchSize = 500
    /// In the erasure record of a row, in place of the id of the event of an erasure.
    private static let withheldBy = "export"

    private let database: any Database
    private let keys: AuditKeys
    private let runtime: Runtime

    init(database: any Database, keys: AuditKeys, runtime: Runtime) {
        self.database = database
        self.keys = keys
        self.runtime = runtime
    }

    /// - Returns: a function that returns the next lines with their line feeds, and nil at the end. It throws
    ///   `internal-error` for a row that does not fit into the chain: nothing is signed then.
    package func export(of subject: String, in organisation: String) async throws(Problem)
        -> @Sendable () -> () async throws -> String?
    {
        let (key, ids, at) = try await database.write { [keys, runtime] transaction in
            (
                try keys.signing(in: transaction, runtime: runtime),
                try transaction.auditRowIDs(about: subject, in: organisation), transaction.now
            )
        }
        return { [database, keys] in
            var rest = ids[...]
            var digest = Digest()
            var isBegun = false
            var isEnded = false
            return {
                guard !isEnded else { return nil }
                var text = ""
                if !isBegun {
                    text = try AuditLine.text(of: key.exported) + "\n"
                    isBegun = true
                }
                let batch = Array(rest.prefix(Self.batchSize))
                rest = rest.dropFirst(batch.count)
                for (row, previous) in try await database.read({ try $0.auditRowsWithPrevious(batch) }) {
                    text += try Self.line(row, after: previous, keys) + "\n"
                }
                digest.update(text.utf8)
                guard rest.isEmpty else { return text }
                isEnded = true
                let statement = try AuditHistoryStatement(
                    subject: subject, organisation: organisation, at: at, count: Int64(ids.count),
                    digest: digest.hex(), signedWith: key)
                return try text + AuditLine.text(of: statement.exported) + "\n"
            }
        }
    }

    /// - Throws: `internal-error` for a row that was changed.
    private static func line(_ row: AuditRow, after previous: String, _ keys: AuditKeys) throws -> String {
        var row = row
        guard row.isLinked(after: previous), keys.seal(of: row.hash) == row.seal else {
            throw Problem(
                .internalError, detail: "The audit row \(row.id) was tampered with: run `gatehouse audit verify`.")
        }
        _ = try row.erase([.address: nil, .request: nil], by: withheldBy)
        return try text(of: row, after: previous)
    }

    /// The line of a row.
    static func text(of row: AuditRow, after previous: String) throws -> String {
        let members = row.exported.merging(["previous": .string(previous)]) { $1 }
        return try AuditLine.text(of: ["row": .object(members)])
    }
}
