import App
import ArgumentParser
import Audit
import Foundation
import Modules

struct AuditCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "audit",
        abstract: "Verify and export the audit trail.",
        subcommands: [VerifyAuditCommand.self, ExportAuditCommand.self, AuditKeyCommand.self]
    )
}

struct VerifyAuditCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Find rows that were edited, removed, inserted or reordered.",
        discussion: """
            Every row holds a hash of the row before it, authenticated with the installation's key; every minute a \
            checkpoint is signed and logged. Every change up to the newest checkpoint is found. Of the rows after \
            it, at most one minute of them, every change is found except the removal of the last rows together with \
            their count.

            A writer to the database can restore all of it to an earlier state. A checkpoint from outside of the \
            database reveals that: the newest one is kept in the data folder, and compared. Give others from the \
            server's log, or the log itself.

            With a file, the export of one object's history is verified, such as that of \
            GET /v1/workflows/{workflow_id}/audit/export, without a database: each row has the content that was \
            recorded, and none was added or removed since the export was signed. Compare the printed key with that \
            of `gatehouse audit key`, or give it by --key.

            EXIT STATUS
              0   the trail is intact
              1   the trail was changed: the first finding names the place

            EXAMPLES
              gatehouse audit verify
              gatehouse audit verify --checkpoint /var/log/gatehouse.log
              gatehouse audit verify --from 4711
              gatehouse audit verify workflow-audit.ndjson
            """
    )

    @Argument(help: ArgumentHelp("An export of one object's history, in place of the database.", valueName: "file"))
    var file: String?

    @Option(help: ArgumentHelp("The public key that the export has to be signed with, in hexadecimal."))
    var key: String?

    @Option(help: ArgumentHelp("Begin after this checkpoint instead of at the first row.", valueName: "number"))
    var from: Int64?

    @Option(
        help: ArgumentHelp(
            "A checkpoint from outside of the database: JSON, or a file of checkpoints or log lines. May be repeated.",
            valueName: "file|json"))
    var checkpoint: [String] = []

    @OptionGroup var installation: InstallationOptions

    func validate() throws {
        if file != nil, from != nil || !checkpoint.isEmpty {
            throw ValidationError("--from and --checkpoint are for the trail in the database, not for a file.")
        }
        if file == nil, key != nil { throw ValidationError("--key is for a file.") }
    }

    func run() async throws {
        if let file { return try verifyExport(file) }
        let external = try checkpoint.flatMap(Self.checkpoints)
        let report = try await installation.withApp { app in
            try await app.audit.verification.verify(from: from, externalCheckpoints: external)
        }
        guard report.isSound else { throw Failure(Self.findings(report)) }
        let erased = report.erased == 0 ? "" : ", of \(report.erased) of which personal data was erased"
        let start = from.map { " after number \($0)" } ?? ""
        Terminal.print(
            "The audit trail holds: \(report.rows) rows\(erased), \(report.checkpoints) checkpoints\(start).")
        if let newest = report.newest {
            Terminal.print(
                "The newest checkpoint is number \(newest.number), signed at \(newest.at) over \(newest.count) rows.")
        }
        if let kept = report.kept {
            Terminal.print("Checkpoint \(kept.number), kept in the data folder, agrees with it.")
        }
        if !external.isEmpty {
            Terminal.print("\(external.count) checkpoints from outside agree with it.")
        }
    }

    /// Far more than the history of one object has.
    private static let exportBytesMax = 256 << 20

    private func verifyExport(_ file: String) throws {
        let text = String(decoding: try InputFile.bytes(of: file, upTo: Self.exportBytesMax), as: UTF8.self)
        do throws(AuditHistoryVerifier.Refusal) {
            let report = try AuditHistoryVerifier(publicKey: key).verify(text)
            Terminal.print(
                "The export holds: \(report.rows) rows about \(report.subject) of the organisation "
                    + "\(report.organisation), as of \(report.at).")
            Terminal.print("It is signed by the key \(report.keyID)  \(report.publicKey)")
            if key == nil { Terminal.print("Compare it with that of `gatehouse audit key`.") }
        } catch {
            throw Failure("The export was changed, or is not complete.\n\(error)")
        }
    }

    private static func findings(_ report: AuditReport) -> String {
        let shown = report.findings.prefix(20).map { "  \($0)" }.joined(separator: "\n")
        let more = report.findingCount > 20 ? "\n  and \(report.findingCount - 20) more" : ""
        return "The audit trail was changed. Findings after the first may be its consequences.\n\(shown)\(more)"
    }

    /// - Parameter text: a checkpoint in JSON, or the path of a file of checkpoints, of log lines or of an export.
    private static func checkpoints(in text: String) throws -> [AuditCheckpoint] {
        if text.hasPrefix("{") { return [try AuditCheckpoint(json: text)] }
        var found: [AuditCheckpoint] = []
        for line in try String(contentsOfFile: text, encoding: .utf8).split(whereSeparator: \.isNewline)
        where line.contains("\"heads") || line.contains("heads\\") {
            if let checkpoint = try? AuditCheckpoint(json: String(line)) {
                found.append(checkpoint)
            } else if let logged = try JSONValue(parsing: Array(line.utf8))["checkpoint"] {
                found.append(try AuditCheckpoint(json: logged.string ?? logged.formatted()))
            }
        }
        guard !found.isEmpty else { throw Failure("\(text) holds no checkpoint.") }
        return found
    }
}

struct ExportAuditCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export",
        abstract: "Write the whole trail to standard output, one JSON object a line.",
        discussion: """
            EXAMPLES
              gatehouse audit export > trail.ndjson
              gatehouse audit export | jq 'select(.row.outcome == "refused").row'
            """
    )

    @OptionGroup var installation: InstallationOptions

    func run() async throws {
        try await installation.withApp { app in try await app.audit.export.export { Terminal.print($0) } }
    }
}

struct AuditKeyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "key",
        abstract: "Print the public keys that checkpoints are signed with, the newest first.",
        discussion:
            "Ed25519, in hexadecimal. With a copy kept elsewhere, checkpoints can be verified independently."
    )

    @OptionGroup var installation: InstallationOptions

    func run() async throws {
        let keys = try await installation.withApp { app in try await app.audit.checkpoints.publicKeys() }
        for key in keys { Terminal.print("\(key.id)  \(Hex.encode(key.publicBytes))") }
    }
}
