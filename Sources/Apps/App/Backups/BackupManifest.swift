package import Base
import Foundation
import Secrets

/// What a backup holds: the file `manifest.json` in its folder. Its digest is in `manifest.sha256`, in the form of
/// sha256sum(1).
package struct BackupManifest: Codable, Sendable {
    /// The version of this format; backups of a later one are refused.
    static let formatMax = 1

    package enum Engine: String, Codable, Sendable { case sqlite, postgresql }

    /// A file of the file store.
    package struct File: Codable, Sendable {
        /// The path in the file store.
        let name: String
        let bytes: Int64
        /// SHA-256 in hexadecimal; the content is in the folder `files` of the backups, under this name.
        let sha256: String
        /// The modification time in nanoseconds since 1970; nil where the file was changed while it was read.
        let modified: Int64?
    }

    let format: Int
    /// Everything that was acknowledged before it is in the backup; by the clock of the database.
    package let moment: Instant
    /// The version of the program.
    let gatehouse: String
    package let engine: Engine
    /// The schema of PostgreSQL that holds the tables.
    let schema: String?
    /// The names of the applied migrations, in their order.
    let migrations: [String]
    /// The names of the keys that values are sealed with (``Sealer/fingerprints``).
    let keys: [String]
    /// The copy of the database, beside the manifest.
    let database: File
    package let files: [File]

    private static let name = "manifest.json"
    private static let digestName = "manifest.sha256"

    /// Bytes of the database and of the files, each as large as at its origin.
    package var bytes: Int64 { files.reduce(database.bytes) { $0 + $1.bytes } }

    /// Writes the manifest and its digest into a folder.
    func write(into folder: String) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        let data = try encoder.encode(self)
        try DurableFile.write(data, to: "\(folder)/\(Self.name)")
        let digest = Hex.encode(Digest.sha256(data))
        try DurableFile.write(Data("\(digest)  \(Self.name)\n".utf8), to: "\(folder)/\(Self.digestName)")
    }

    /// Reads the manifest of a folder.
    /// - Throws: ``BackupFault`` for one that was changed, or is of a later format.
    init(in folder: String) throws {
        guard let data = FileManager.default.contents(atPath: "\(folder)/\(Self.name)"),
            let digest = FileManager.default.contents(atPath: "\(folder)/\(Self.digestName)")
        else { throw BackupFault("\(folder) is no backup: it has no \(Self.name) with its digest.") }
        guard String(decoding: digest, as: UTF8.self).hasPrefix(Hex.encode(Digest.sha256(data)) + " ") else {
            throw BackupFault("\(folder)/\(Self.name) was changed: it does not have the digest of \(Self.digestName).")
        }
        struct Version: Codable { let format: Int }
        guard let version = try? JSONDecoder().decode(Version.self, from: data), version.format <= Self.formatMax else {
            throw BackupFault("\(folder) was made by a later version of gatehouse. Use that version.")
        }
        self = try JSONDecoder().decode(Self.self, from: data)
    }
}

extension BackupManifest {
    init(
        moment: Instant, engine: Engine, schema: String?, migrations: [String], keys: [String], database: File,
        files: [File]
    ) {
        format = Self.formatMax
        gatehouse = gatehouseVersion
        (self.moment, self.engine, self.schema, self.migrations) = (moment, engine, schema, migrations)
        (self.keys, self.database, self.files) = (keys, database, files)
    }
}

/// Why a backup cannot be made or used, in a sentence for the operator.
package struct BackupFault: Error, CustomStringConvertible {
    package let description: String

    init(_ sentence: String) { description = sentence }
}
