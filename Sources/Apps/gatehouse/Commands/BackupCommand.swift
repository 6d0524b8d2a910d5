import App
import ArgumentParser
import Modules

struct BackupCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "backup",
        abstract: "Back up the database and the files while the server runs.",
        discussion: """
            A backup is a folder in TARGET, named by its moment: a copy of the database and a list of the files. The \
            contents of files are in TARGET/files, each once; contents that an earlier backup has are not copied \
            again. Everything that was acknowledged before the moment is in the backup. It gets its name when all of \
            it is on the disk.

            SQLite is copied by its online backup, PostgreSQL by pg_dump, which must be installed. Keys are not part \
            of a backup: keep SECRET_KEY, ENCRYPTION_KEY and JWT_SECRET, or secret.key and jwt.key of the data folder, \
            elsewhere. A restoration needs them.

            EXIT STATUS
              0   done
              1   failed; with --verify: a backup is damaged
              2   the configuration cannot be used

            EXAMPLES
              gatehouse backup /var/backups/gatehouse --keep 14
              gatehouse backup --list /var/backups/gatehouse
              gatehouse backup --verify /var/backups/gatehouse/2026-12-01T03-00-00-000000Z
            """
    )

    @Argument(help: "The folder of the backups; with --verify also one backup.")
    var target: String

    @Flag(help: "List the backups, and write none.")
    var list = false

    @Flag(help: "Read every byte of the backups and compare it with its digest, and write none.")
    var verify = false

    @Option(help: ArgumentHelp("Afterwards remove all but the newest backups.", valueName: "count"))
    var keep: Int?

    @OptionGroup var installation: InstallationOptions

    func validate() throws {
        guard (keep ?? 1) >= 1 else { throw ValidationError("--keep takes 1 or more.") }
        guard [list, verify, keep != nil].filter(\.self).count <= 1 else {
            throw ValidationError("--list, --verify and --keep exclude one another.")
        }
    }

    func run() async throws {
        if list { return try listBackups() }
        if verify { return try await verifyBackups() }
        let report = try await BackupService(try await installation.load(), into: BackupFolder(target)).run(keep: keep)
        let manifest = report.manifest
        Terminal.print("Backed up \(manifest.engine.title) as of \(manifest.moment) into \(target)/\(report.name):")
        Terminal.print(
            "\(manifest.summary), of which \(report.newFiles) files with \(ByteCount.text(report.newBytes)) are new.")
        if !report.removed.isEmpty { Terminal.print("Removed: \(report.removed.joined(separator: ", "))") }
    }

    private func listBackups() throws {
        let folder = BackupFolder(target)
        let names = folder.names
        guard !names.isEmpty else { throw Failure("There is no backup in \(target).") }
        let rows = try names.map { name in
            let manifest = try folder.manifest(of: name)
            return [name, manifest.engine.title, "\(manifest.files.count)", ByteCount.text(manifest.bytes)]
        }
        Text.table([["BACKUP", "DATABASE", "FILES", "SIZE"]] + rows).forEach { Terminal.print($0) }
    }

    private func verifyBackups() async throws {
        let (folder, names) = try BackupFolder.locate(target)
        let faults = try await folder.faults(of: names)
        guard faults.isEmpty else {
            throw Failure("Backups are damaged:\n" + faults.map { "  \($0)" }.joined(separator: "\n"))
        }
        Terminal.print("\(names.count) \(names.count == 1 ? "backup is" : "backups are") complete and unchanged.")
    }
}

extension BackupManifest {
    var summary: String { "\(files.count) files, \(ByteCount.text(bytes)) with the database" }
}
