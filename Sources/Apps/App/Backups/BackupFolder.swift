import Files
import Foundation
import Modules
import StoragePostgres

/// A folder of backups: one folder a backup, named by its moment, and the contents of files that they share.
package struct BackupFolder: Sendable {
    package let path: String
    let files: BackupFiles

    /// Names of folders that are written or removed. They are no backups, whatever they hold.
    private static let unfinished = ".unfinished-"
    private var lockFile: String { "\(path)/.lock" }

    package init(_ path: String) {
        self.path = path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path
        files = BackupFiles(folder: "\(self.path)/files")
    }

    /// The folder, and the name of one of its backups, of a path that leads to either.
    /// - Throws: ``BackupFault`` where there is no backup.
    package static func locate(_ path: String) throws -> (folder: BackupFolder, names: [String]) {
        let folder = BackupFolder(path)
        let names = folder.names
        if !names.isEmpty { return (folder, names) }
        let url = URL(filePath: path).standardizedFileURL
        let parent = BackupFolder(url.deletingLastPathComponent().path)
        guard parent.names.contains(url.lastPathComponent) else {
            throw BackupFault("\(path) is no backup, and there is none in it.")
        }
        return (parent, [url.lastPathComponent])
    }

    /// The names of its backups, the oldest first.
    package var names: [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? [])
            .filter { $0.wholeMatch(of: /\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d-\d{6}Z/) != nil }.sorted()
    }

    package func manifest(of name: String) throws -> BackupManifest { try BackupManifest(in: "\(path)/\(name)") }

    /// The copy of the database of a backup.
    func database(of name: String, _ manifest: BackupManifest) -> String { "\(path)/\(name)/\(manifest.database.name)" }

    /// Runs `body` while no other process writes backups here, or while none removes them.
    /// - Throws: ``BackupFault`` where one does; what `body` throws.
    func locked<Result>(_ mode: FileLock.Mode, _ body: () async throws -> Result) async throws -> Result {
        if mode == .exclusive { try DurableFile.makeFolder(path) }
        guard let lock = try FileLock(lockFile, mode, waits: false) else {
            throw BackupFault("Another process uses the backups of \(path). Try again when it has ended.")
        }
        return try await attempt {
            try await body()
        } finally: {
            withExtendedLifetime(lock) {}
        }
    }

    /// Writes a backup: it gets its name when all of it is on the disk.
    /// - Parameter write: writes the copy of the database into a folder, and the contents of files.
    /// - Returns: the name and the manifest.
    func add(_ write: (String) async throws -> BackupManifest) async throws -> (name: String, manifest: BackupManifest)
    {
        try removeUnfinished()
        let temporary = "\(path)/\(Self.unfinished)\(UUID().uuidString)"
        try DurableFile.makeFolder(temporary)
        do {
            let manifest = try await write(temporary)
            try manifest.write(into: temporary)
            try DurableFile.synchronize(temporary)
            let name = Self.name(of: manifest.moment)
            try DurableFile.rename(temporary, to: "\(path)/\(name)")
            return (name, manifest)
        } catch {
            try? FileManager.default.removeItem(atPath: temporary)
            throw error
        }
    }

    /// Removes all but the newest backups, and the contents of files that no other backup has.
    /// - Parameter count: at least 1.
    /// - Returns: the names of the removed backups.
    func removeAll(exceptNewest count: Int) throws -> [String] {
        let (names, removed) = (names, Array(names.dropLast(count)))
        guard !removed.isEmpty else { return [] }
        // All of the remaining ones must be readable before anything is removed.
        let kept = try names.suffix(count).flatMap { try manifest(of: $0).files.map(\.sha256) }
        for name in removed { try DurableFile.rename("\(path)/\(name)", to: "\(path)/\(Self.unfinished)\(name)") }
        try removeUnfinished()
        try files.removeAll(except: Set(kept))
        return removed
    }

    /// Reads every byte of backups and compares the digests.
    /// - Returns: what is wrong, a sentence each.
    package func faults(of names: [String]) async throws -> [String] {
        try await locked(.shared) {
            var faults: [String] = []
            // The backups have most contents in common.
            var sound: Set<String> = []
            for name in names {
                do {
                    let manifest = try manifest(of: name)
                    if let fault = try databaseFault(of: name, manifest) { faults.append(fault) }
                    for file in manifest.files where !sound.contains(file.sha256) {
                        if let fault = try files.fault(of: file) {
                            faults.append("\(name): \(fault)")
                        } else {
                            sound.insert(file.sha256)
                        }
                    }
                } catch let fault as BackupFault {
                    faults.append(fault.description)
                }
            }
            return faults
        }
    }

    private func databaseFault(of name: String, _ manifest: BackupManifest) throws -> String? {
        let path = database(of: name, manifest)
        guard let content = try DurableFile.content(of: path) else { return "\(path) is missing." }
        return content.sha256 == manifest.database.sha256 ? nil : "\(path) was changed."
    }

    private func removeUnfinished() throws {
        for name in try FileManager.default.contentsOfDirectory(atPath: path) where name.hasPrefix(Self.unfinished) {
            try FileManager.default.removeItem(atPath: "\(path)/\(name)")
        }
    }

    /// Such as `2026-12-01T03-04-05-678901Z`: ISO 8601 without the characters that some file systems refuse.
    private static func name(of moment: Instant) -> String {
        let text = Instant(seconds: moment.seconds).description.dropLast().replacing(":", with: "-")
        let fraction = String(moment.microseconds - moment.seconds * 1_000_000)
        return "\(text)-\(String(repeating: "0", count: 6 - fraction.count))\(fraction)Z"
    }
}
