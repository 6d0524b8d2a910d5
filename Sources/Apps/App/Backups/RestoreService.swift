package import Audit
import Files
import Foundation
import Modules
import StoragePostgres

/// Restores a backup into an empty installation.
package struct RestoreService: Sendable {
    private let folder: BackupFolder
    private let name: String
    private let configuration: Configuration

    /// - Parameters:
    ///   - name: of a backup in `folder`.
    ///   - configuration: of the installation that gets the data. No process of it may run.
    package init(_ name: String, of folder: BackupFolder, to configuration: Configuration) {
        (self.name, self.folder, self.configuration) = (name, folder, configuration)
    }

    package struct Report: Sendable {
        package let manifest: BackupManifest
        /// The migrations that this version has applied to the restored database.
        package let migrated: [String]
        /// Where the audit checkpoint of the data folder was moved to: it may be newer than the restored trail.
        package let movedCheckpoint: String?
        /// The violated invariants.
        package let faults: [String]
        package let audit: AuditReport
        package var isSound: Bool { faults.isEmpty && audit.isSound }
    }

    /// Checks the backup and the target, restores the files and then the database, and verifies the result.
    /// - Throws: ``BackupFault`` before anything is written, where the backup cannot be restored here or the target has
    ///   data; an error of the database or of the disk.
    package func run() async throws -> Report {
        let manifest = try await folder.locked(.shared) {
            let manifest = try folder.manifest(of: name)
            try await check(manifest)
            let faults = try await folder.faults(of: [name])
            guard faults.isEmpty else {
                throw BackupFault("The backup is damaged, and nothing was written:\n" + faults.indented)
            }
            try await write(manifest)
            return manifest
        }
        let checkpoint = try moveCheckpoint()
        let missing = try await withOpenDatabase(configuration) { database in
            try await Migrator(allMigrations).run(on: database, dryRun: true)
        }
        return try await App.with(configuration) { app in
            Report(
                manifest: manifest, migrated: missing, movedCheckpoint: checkpoint,
                faults: try await allInvariants.faults(in: app.database),
                audit: try await app.audit.verification.verify())
        }
    }

    // MARK: Checks

    private func check(_ manifest: BackupManifest) async throws {
        let engine: BackupManifest.Engine = configuration.sqlitePath == nil ? .postgresql : .sqlite
        guard manifest.engine == engine else {
            throw BackupFault(
                "The backup is of \(manifest.engine.title), and the database of the target is \(engine.title): "
                    + "see DATABASE_URL or --database.")
        }
        let known = Set(allMigrations.map(\.name))
        if let newer = manifest.migrations.first(where: { !known.contains($0) }) {
            throw MigrationFault.databaseIsNewer(newer)
        }
        try checkKeys(manifest)
        if let file = storedFile {
            throw BackupFault("\(filesFolder) has files already, such as \(file). Restore into an empty data folder.")
        }
        try await checkDatabase(manifest)
    }

    private func checkKeys(_ manifest: BackupManifest) throws {
        guard let keys = try BackupService.keys(of: configuration) else {
            throw BackupFault(
                """
                The key of the backup's sealed values is missing: set SECRET_KEY (and ENCRYPTION_KEY) to the values of \
                the installation that was backed up, or copy its secret.key into \(configuration.dataFolder). Backups \
                hold no keys.
                """)
        }
        // The last key derives others, such as that of the audit trail.
        guard keys.last == manifest.keys.last, Set(manifest.keys).isSubset(of: keys) else {
            throw BackupFault(
                """
                The backup's values are sealed with another key than that of this configuration: set SECRET_KEY and \
                ENCRYPTION_KEY, or secret.key in the data folder, as in the installation that was backed up.
                """)
        }
    }

    private func checkDatabase(_ manifest: BackupManifest) async throws {
        if let path = configuration.sqlitePath {
            for file in [path, "\(path)-wal", "\(path)-shm"] where (DurableFile.status(of: file)?.bytes ?? 0) > 0 {
                throw BackupFault("\(file) exists. Restore to a path without a database.")
            }
            return
        }
        try await withOpenDatabase(configuration) { database in
            let (schema, tables) = try await database.read { transaction in
                (
                    try transaction.first("SELECT current_schema() AS name") { try $0["name"] as String? } ?? nil,
                    try transaction.count(
                        """
                        SELECT COUNT(*) AS count FROM information_schema.tables
                        WHERE table_schema = current_schema()
                        """)
                )
            }
            guard schema == manifest.schema else {
                throw BackupFault(
                    "The tables of the backup are in the schema \(manifest.schema ?? "-"), which is not the first of "
                        + "the connection's search_path (\(schema ?? "none")).")
            }
            guard tables == 0 else {
                throw BackupFault("The schema \(schema ?? "-") of the database has tables. Restore into an empty one.")
            }
        }
    }

    private var filesFolder: String { "\(configuration.dataFolder)/files" }

    /// A file of the store; nil where it has none.
    private var storedFile: String? {
        let entries = FileManager.default.enumerator(atPath: filesFolder)
        while let entry = entries?.nextObject() as? String {
            if !entry.hasPrefix("."), DurableFile.status(of: "\(filesFolder)/\(entry)") != nil { return entry }
        }
        return nil
    }

    // MARK: Writing

    /// Files and the database get their names when all of them are on the disk.
    private func write(_ manifest: BackupManifest) async throws {
        let temporary = "\(configuration.dataFolder)/.restoring"
        try? FileManager.default.removeItem(atPath: temporary)
        try DurableFile.makeFolder(temporary)
        defer { try? FileManager.default.removeItem(atPath: temporary) }
        let files = "\(temporary)/files"
        try DurableFile.makeFolder(files)
        var folders: Set<String> = [files]
        for file in manifest.files {
            let target = "\(files)/\(file.name)"
            let parent = URL(filePath: target).deletingLastPathComponent().path
            if folders.insert(parent).inserted { try DurableFile.makeFolder(parent) }
            try copy(folder.files.path(of: file.sha256), file, to: target)
        }
        for folder in folders { try DurableFile.synchronize(folder) }
        let database = folder.database(of: name, manifest)
        // An empty store, of a server that was started once, may be there.
        try? FileManager.default.removeItem(atPath: filesFolder)
        guard let path = configuration.sqlitePath else {
            try DurableFile.rename(files, to: filesFolder)
            do { try PostgresDump(url: configuration.databaseURL).restore(from: database) } catch {
                try? FileManager.default.removeItem(atPath: filesFolder)
                throw error
            }
            return
        }
        let copied = "\(path).restoring"
        unlink(copied)
        try DurableFile.makeFolder(URL(filePath: path).deletingLastPathComponent().path)
        try copy(database, manifest.database, to: copied)
        try DurableFile.rename(files, to: filesFolder)
        try DurableFile.rename(copied, to: path)
    }

    private func copy(_ source: String, _ file: BackupManifest.File, to target: String) throws {
        guard try DurableFile.copy(source, to: target)?.sha256 == file.sha256 else {
            throw BackupFault("\(source) was changed during the restoration.")
        }
    }

    /// The checkpoint beside an installation would make verification report the restoration of an earlier state.
    private func moveCheckpoint() throws -> String? {
        let path = "\(configuration.dataFolder)/audit-checkpoint.json"
        guard DurableFile.status(of: path) != nil else { return nil }
        let target = "\(path).before-\(Runtime.system.now().seconds)"
        try DurableFile.rename(path, to: target)
        return target
    }
}

extension BackupManifest.Engine {
    package var title: String {
        switch self {
        case .sqlite: "SQLite"
        case .postgresql: "PostgreSQL"
        }
    }
}

extension [String] {
    fileprivate var indented: String { map { "  \($0)" }.joined(separator: "\n") }
}
