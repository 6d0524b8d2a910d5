import Files
import Foundation
import Modules
import Secrets
import StoragePostgres
import StorageSQLite

/// Writes backups of an installation while its servers run.
///
/// The database is copied as of one moment first, and then the files. From before that moment to the end, files that a
/// server removes or replaces are kept (``FileStore/retainingFiles(_:)``): no file is missing that a row of the copy
/// names. Files that were added after the moment may be in the backup; no row of it names them.
package struct BackupService: Sendable {
    private let configuration: Configuration
    private let folder: BackupFolder

    package init(_ configuration: Configuration, into folder: BackupFolder) {
        (self.configuration, self.folder) = (configuration, folder)
    }

    package struct Report: Sendable {
        package let name: String
        package let manifest: BackupManifest
        /// Contents that no earlier backup has, and their bytes.
        package let newFiles: Int
        package let newBytes: Int64
        /// The names of the backups that were removed.
        package let removed: [String]
    }

    /// - Parameter keep: the number of backups that remain; nil removes none.
    /// - Throws: ``BackupFault``, `UnusableDatabase`, `PostgresToolFailure`, ``FileStore/IsBackedUp``; the problem of a
    ///   database that does not answer.
    package func run(keep: Int? = nil) async throws -> Report {
        guard let keys = try Self.keys(of: configuration) else {
            throw BackupFault(
                "\(configuration.dataFolder) has no secret.key, and neither SECRET_KEY nor ENCRYPTION_KEY is set: this "
                    + "is no data folder that gatehouse has used.")
        }
        let store = try FileStore(root: "\(configuration.dataFolder)/files")
        return try await folder.locked(.exclusive) {
            try await store.retainingFiles {
                var (newFiles, newBytes) = (0, Int64(0))
                let (name, manifest) = try await folder.add { temporary in
                    let copy = try await copyDatabase(into: temporary)
                    let files = try await copyFiles(of: store) { file in
                        newFiles += 1
                        newBytes += file.bytes
                    }
                    return BackupManifest(
                        moment: copy.moment, engine: copy.engine, schema: copy.schema, migrations: copy.migrations,
                        keys: keys, database: copy.file, files: files)
                }
                let removed = try keep.map { try folder.removeAll(exceptNewest: $0) } ?? []
                return Report(
                    name: name, manifest: manifest, newFiles: newFiles, newBytes: newBytes, removed: removed)
            }
        }
    }

    /// The names of the keys that values of an installation are sealed with; nil where it has none yet.
    static func keys(of configuration: Configuration) throws -> [String]? {
        let folder = try DataFolder(configuration.dataFolder)
        guard !configuration.encryptionKey.isEmpty || !configuration.secretKey.isEmpty || folder.hasSecret("secret")
        else { return nil }
        return try configuration.encryptionKeys(in: folder, runtime: .system).sealer.fingerprints
    }

    private struct DatabaseCopy {
        let moment: Instant
        let engine: BackupManifest.Engine
        var schema: String?
        let migrations: [String]
        let file: BackupManifest.File
    }

    private func copyDatabase(into temporary: String) async throws -> DatabaseCopy {
        if let source = configuration.sqlitePath {
            let (name, moment) = ("database.sqlite", Runtime.system.now())
            let migrations = try SQLiteBackup.copy(source, to: "\(temporary)/\(name)")
            return DatabaseCopy(
                moment: moment, engine: .sqlite, migrations: migrations, file: try finish(name, in: temporary))
        }
        return try await withOpenDatabase(configuration) { database in
            let (name, before) = ("database.dump", try await Self.state(of: database))
            try PostgresDump(url: configuration.databaseURL).write(before.schema, to: "\(temporary)/\(name)")
            guard try await Self.state(of: database).migrations == before.migrations else {
                throw BackupFault("The database was migrated during the backup. Try again.")
            }
            return DatabaseCopy(
                moment: before.moment, engine: .postgresql, schema: before.schema, migrations: before.migrations,
                file: try finish(name, in: temporary))
        }
    }

    private static func state(of database: any Database) async throws -> (
        moment: Instant, schema: String, migrations: [String]
    ) {
        try await database.read { transaction in
            let found = try transaction.first("SELECT current_schema() AS name") { try $0["name"] as String? }
            guard let schema = found ?? nil else {
                throw BackupFault("The database has no schema of the connection's search_path.")
            }
            return (transaction.now, schema, try Migrator.applied(in: transaction))
        }
    }

    /// The entry of the copy of the database, after `fsync`.
    private func finish(_ name: String, in temporary: String) throws -> BackupManifest.File {
        let path = "\(temporary)/\(name)"
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path)
        try DurableFile.synchronize(path)
        guard let content = try DurableFile.content(of: path) else { throw BackupFault("\(path) was removed.") }
        return BackupManifest.File(
            name: name, bytes: content.bytes, sha256: content.sha256, modified: content.modified)
    }

    /// - Parameter onNew: called for each content that no earlier backup has.
    private func copyFiles(
        of store: FileStore, onNew: (BackupManifest.File) -> Void
    ) async throws -> [BackupManifest.File] {
        let earlier = earlierFiles
        var files: [String: BackupManifest.File] = [:]
        /// - Parameter path: where the file is now, relative to the root of the store.
        func copy(_ name: String, _ path: String) throws {
            let absolute = "\(configuration.dataFolder)/files/\(path)"
            if let known = earlier[name], let status = DurableFile.status(of: absolute),
                known.modified == status.modified, known.bytes == status.bytes, folder.files.has(known)
            {
                files[name] = known
            } else if let (file, isNew) = try folder.files.add(path, of: store, as: name) {
                files[name] = file
                if isNew { onNew(file) }
            }
        }
        // A file that is gone when its turn comes is among the retained ones afterwards.
        for (name, _) in try await store.everyFile() { try copy(name, name) }
        for (name, path) in try await store.retainedFiles() { try copy(name, path) }
        return files.values.sorted { $0.name < $1.name }
    }

    /// The files of the newest backup: one with the same size and time of modification is not read again.
    private var earlierFiles: [String: BackupManifest.File] {
        guard let name = folder.names.last, let manifest = try? folder.manifest(of: name) else { return [:] }
        return Dictionary(manifest.files.map { ($0.name, $0) }) { first, _ in first }
    }
}
