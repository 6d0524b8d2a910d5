import App
import ArgumentParser
import Audit
import Foundation
import Modules

struct AuditCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "audit",
        abstract: "The audit trail: whether it holds, and what it says.",
        subcommands: [VerifyAuditCommand.self, ExportAuditCommand.self, AuditKeyCommand.self]
    )
}

struct VerifyAuditCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Find rows that were edited, removed, put in or reordered.",
        discussion: """
            Every row is linked to the row before it and sealed under the installation's key; every minute a checkpoint is signed, and logged. \
            Up to the newest checkpoint any change is found. Of the rows after it, at most a minute's, any change is found but one: all of the \
            last ones taken away together with their count.

            Whoever can write to the database can put all of it back to an earlier state. A checkpoint from outside shows that: give one from the \
            server's log, or the log itself.

            EXIT STATUS
              0   the trail holds
              1   it does not: the first finding says where it was changed

            EXAMPLES
              gatehouse audit verify
              gatehouse audit verify --checkpoint /var/log/gatehouse.log
              gatehouse audit verify --from 4711
            """
    )

    @Option(help: ArgumentHelp("Begin behind this checkpoint instead of at the beginning.", valueName: "number"))
    var from: Int64?

    @Option(
        help: ArgumentHelp(
            "A checkpoint kept outside: JSON, or a file of checkpoints or log lines. May be repeated.",
            valueName: "file|json"))
    var checkpoint: [String] = []

    @OptionGroup var installation: InstallationOptions

    func run() async throws {
        let externalCheckpoints = try checkpoint.flatMap(Self.checkpoints)
        let report = try await installation.withApp { app in
            try await app.audit.verification.verify(from: from, externalCheckpoints: externalCheckpoints)
        }
        guard report.isSound else { throw Failure(Self.complaint(report)) }
        let erased = report.erased == 0 ? "" : ", of \(report.erased) of which personal data was erased"
        Terminal.say(
            "The audit trail holds: \(report.rows) rows\(erased), \(report.checkpoints) checkpoints\(from.map { " after number \($0)" } ?? "")."
        )
        if let newest = report.newest {
            Terminal.say(
                "The newest checkpoint is number \(newest.number), signed at \(newest.at) over \(newest.count) rows.")
        }
        if !externalCheckpoints.isEmpty {
            Terminal.say("\(externalCheckpoints.count) checkpoints from outside agree with it.")
        }
    }

    private static func complaint(_ report: AuditReport) -> String {
        let shown = report.findings.prefix(20).map { "  \($0)" }.joined(separator: "\n")
        let more = report.findingCount > 20 ? "\n  and \(report.findingCount - 20) more" : ""
        return
            "The audit trail was changed. The first finding is where to look; others may follow from it.\n\(shown)\(more)"
    }

    /// Reads JSON as it is, and anything else as a file: of checkpoints, of log lines that hold them, or of an export.
    private static func checkpoints(in text: String) throws -> [AuditCheckpoint] {
        if text.hasPrefix("{") { return [try AuditCheckpoint(json: text)] }
        var found: [AuditCheckpoint] = []
        for line in try String(contentsOfFile: text, encoding: .utf8).split(whereSeparator: \.isNewline)
        where line.contains("\"heads") || line.contains("heads\\") {
            if let checkpoint = try? AuditCheckpoint(json: String(line)) {
                found.append(checkpoint)
            } else if let logged = try JSONValue(parsing: Array(line.utf8))["checkpoint"] {
                found.append(
                    try AuditCheckpoint(json: logged.string ?? String(decoding: JSONText.pretty(logged), as: UTF8.self))
                )
            }
        }
        guard !found.isEmpty else { throw Failure("\(text) holds no checkpoint.") }
        return found
    }
}

struct ExportAuditCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export",
        abstract: "Write the whole trail to standard output, a JSON object a line.",
        discussion: """
            EXAMPLES
              gatehouse audit export > trail.ndjson
              gatehouse audit export | jq 'select(.row.outcome == "refused").row'
            """
    )

    @OptionGroup var installation: InstallationOptions

    func run() async throws {
        try await installation.withApp { app in try await app.audit.export.export { Terminal.say($0) } }
    }
}

struct AuditKeyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "key",
        abstract: "Show the public keys that checkpoints are signed with, the newest first.",
        discussion:
            "Ed25519, as hexadecimal text. Keep a copy elsewhere: whoever has it can tell a genuine checkpoint from another."
    )

    @OptionGroup var installation: InstallationOptions

    func run() async throws {
        let keys = try await installation.withApp { app in try await app.audit.checkpoints.publicKeys() }
        for key in keys { Terminal.say("\(key.id)  \(Hex.encode(key.publicBytes))") }
    }
}
