package import Modules
import Secrets

/// Verifies an exported history without a database: that each row has the content that its hash was computed from, and
/// that the signed statement is over exactly these rows.
package struct AuditHistoryVerifier: Sendable {
    /// What a file holds, where it is intact.
    package struct Report: Sendable {
        /// The id of the object.
        package let subject: String
        package let organisation: String
        package let at: Instant
        package let rows: Int
        package let keyID: String
        /// The public key that the file is signed with, in hexadecimal. The file itself cannot prove whose it is.
        package let publicKey: String
    }

    /// Why a file is refused: sentences, the first one about the first place.
    package struct Refusal: Error, Hashable, CustomStringConvertible {
        package let findings: [String]
        package var description: String { findings.joined(separator: "\n") }
    }

    /// Findings that are listed.
    private static let findingsMax = 20

    private let publicKey: String?

    /// - Parameter publicKey: in hexadecimal, of the installation that the export has to be of; nil accepts any.
    package init(publicKey: String? = nil) { self.publicKey = publicKey?.lowercased() }

    /// - Parameter text: of the file.
    /// - Throws: ``Refusal``.
    package func verify(_ text: String) throws(Refusal) -> Report {
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        // The last line ends with a line feed, too.
        guard lines.count >= 3, lines.removeLast().isEmpty, let last = lines.popLast(),
            let statement = Self.parsed(last).flatMap({ AuditHistoryStatement(exported: $0) }),
            let first = lines.first, let key = Self.parsed(first)?["key"], let keyID = key["id"]?.string,
            let hex = key["ed25519"]?.string, let bytes = Hex.decode(hex)
        else {
            throw Refusal(findings: [
                "This is no complete export: it begins with the line of a key and ends with a signed statement."
            ])
        }
        var findings: [String] = []
        for (index, line) in lines.dropFirst().enumerated() {
            if let fault = Self.fault(in: line) { findings.append("Line \(index + 2): \(fault)") }
        }
        let rows = lines.count - 1
        if Int64(rows) != statement.count {
            findings.append("There are \(rows) rows, and \(statement.count) were signed.")
        }
        var digest = Digest()
        for line in lines {
            digest.update(line.utf8)
            digest.update([UInt8(ascii: "\n")])
        }
        if digest.hex() != statement.digest { findings.append("The lines are not those that were signed.") }
        if (try? AuditLine.text(of: statement.exported)) != String(last) || statement.key != keyID
            || !statement.isGenuine(under: bytes)
        {
            findings.append("The statement is not signed by the key of the first line, or was changed.")
        }
        if let publicKey, publicKey != hex {
            findings.append("The key is \(hex), and \(publicKey) was expected.")
        }
        guard findings.isEmpty else { throw Refusal(findings: Array(findings.prefix(Self.findingsMax))) }
        return Report(
            subject: statement.subject, organisation: statement.organisation, at: statement.at, rows: rows,
            keyID: keyID, publicKey: hex)
    }

    /// - Returns: nil for a row whose hash fits its content.
    private static func fault(in line: Substring) -> String? {
        guard let members = parsed(line)?["row"], let row = AuditRow(exported: members),
            let previous = members["previous"]?.string
        else { return "this is no row." }
        // Members that are no columns are not covered by the hash.
        guard (try? AuditHistoryExportService.text(of: row, after: previous)) == String(line) else {
            return "the row \(row.position) has other members than an export, or in another spelling."
        }
        guard row.isLinked(after: previous) else {
            return "the row \(row.position) (\(row.id)) was edited."
        }
        return nil
    }

    private static func parsed(_ line: Substring) -> JSONValue? { try? JSONValue(parsing: Array(line.utf8)) }
}
