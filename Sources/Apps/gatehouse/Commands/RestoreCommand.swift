import App
import ArgumentParser
import Audit
import Modules

struct RestoreCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "restore",
        abstract: "Restore a backup into an empty installation, and verify it.",
        discussion: """
            SOURCE is a backup, or a folder of backups, of which the newest is restored. Every digest is compared \
            before anything is written. A target with files or with tables is refused. Afterwards the database is \
            migrated to this version where that is needed, and verified as by `gatehouse verify` and `gatehouse audit \
            verify`.

            No process of the target may run. The target needs the keys of the installation that was backed up: \
            SECRET_KEY, ENCRYPTION_KEY and JWT_SECRET as there, or its secret.key and jwt.key in the data folder.

            EXIT STATUS
              0   restored and verified
              1   failed: the message says whether anything was written
              2   the configuration cannot be used, or the backup is of a newer version

            EXAMPLES
              gatehouse restore /var/backups/gatehouse
              gatehouse restore /var/backups/gatehouse/2026-12-01T03-00-00-000000Z --to /tmp/trial
              gatehouse restore /var/backups/gatehouse --database postgresql://gatehouse@db/gatehouse
            """
    )

    @Argument(help: "The backup, or the folder of backups.")
    var source: String

    @Option(
        help: ArgumentHelp(
            "Restore into this data folder; SQLite's file in it, whatever DATABASE_URL is.", valueName: "folder"))
    var to: String?

    @OptionGroup var installation: InstallationOptions

    func validate() throws {
        guard to == nil || installation.dataFolder == nil else {
            throw ValidationError("--to and --data exclude one another.")
        }
    }

    func run() async throws {
        let (folder, names) = try BackupFolder.locate(source)
        guard let name = names.last else { return }
        let manifest = try folder.manifest(of: name)
        var configuration = try await installation.load(overrides(for: manifest))
        // The log of a start is of no use to a command; errors are.
        configuration.logLevel = max(configuration.logLevel, .error)
        Terminal.print("Restoring \(folder.path)/\(name): \(manifest.engine.title), \(manifest.summary)")
        let report = try await RestoreService(name, of: folder, to: configuration).run()
        Terminal.print(
            "Restored as of \(manifest.moment) to \(configuration.databaseDescription) and "
                + "\(configuration.dataFolder)/files.")
        if !report.migrated.isEmpty { Terminal.print("Migrated: \(report.migrated.joined(separator: ", "))") }
        if let moved = report.movedCheckpoint {
            Terminal.print("The audit checkpoint of the data folder may be newer, and was moved to \(moved).")
        }
        guard report.isSound else {
            let findings = report.faults + report.audit.findings.map { "\($0)" }
            throw Failure(
                "The data was restored, but verification fails:\n"
                    + findings.prefix(20).map { "  \($0)" }.joined(separator: "\n"))
        }
        Terminal.print(
            "Verified: \(allInvariants.count) invariants hold, and so does the audit trail of \(report.audit.rows) rows."
        )
    }

    private func overrides(for manifest: BackupManifest) -> [String: String] {
        guard let to else { return [:] }
        guard manifest.engine == .sqlite, installation.databaseURL == nil else { return ["DATA_DIR": to] }
        return ["DATA_DIR": to, "DATABASE_URL": "sqlite:\(to)/gatehouse.db"]
    }
}
