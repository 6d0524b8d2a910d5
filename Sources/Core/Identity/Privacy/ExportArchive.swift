import Archives
import Files
import Foundation
import Modules

/// Writes the ZIP archive of an export: the rows of every table as JSON in `data/`, the files in `files/`, and a
/// manifest.
final class ExportArchive: Sendable {
    private static let batchSize = 500

    private let database: any Database
    private let tables: [PersonalDataTable]
    private let files: FileStore
    private let runtime: Runtime

    init(database: any Database, tables: [PersonalDataTable], files: FileStore, runtime: Runtime) {
        self.database = database
        self.tables = tables
        self.files = files
        self.runtime = runtime
    }

    func write(_ subject: DataSubject, to path: String, _ context: JobContext) async throws {
        let zip = try ZipWriter(path: path)
        let now = runtime.now()
        var entries: [ZipWriter.Entry] = []
        for table in tables {
            guard let selection = table.selection?(subject) else { continue }
            try context.checkCancellation()
            try await zip.begin("data/\(table.name).json", modified: now)
            try await writeRows(selection, to: zip, context)
            entries.append(try await zip.end())
        }
        for table in tables {
            for key in try await database.read({ try table.fileKeys(subject, $0) }) {
                for file in try await files.files(under: key) {
                    try context.checkCancellation()
                    // Nil for a file that was deleted since it was listed.
                    guard let descriptor = try files.openFile(file.name) else { continue }
                    entries.append(
                        try await zip.add("files/\(file.name)", owning: descriptor, modified: now))
                }
            }
        }
        try await zip.begin("manifest.json", modified: now)
        try await zip.write(try Manifest(subject: subject, madeAt: now, entries: entries).bytes)
        _ = try await zip.end()
        try await zip.close()
    }

    private func writeRows(_ selection: SQL, to zip: ZipWriter, _ context: JobContext) async throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        var offset = 0
        while true {
            try context.checkCancellation()
            let rows = try await database.read { [offset] in
                try $0.all(selection + " LIMIT \(Self.batchSize) OFFSET \(offset)")
            }
            let lines = try rows.map { String(decoding: try encoder.encode($0.exported), as: UTF8.self) }
            let separator = offset == 0 ? "[\n" : lines.isEmpty ? "" : ",\n"
            try await zip.write(Array((separator + lines.joined(separator: ",\n")).utf8))
            offset += rows.count
            if rows.count < Self.batchSize { break }
        }
        try await zip.write(Array("\n]\n".utf8))
    }
}

/// The entries of an archive with sizes and SHA-256, by which its integrity can be verified.
private struct Manifest: Encodable {
    struct File: Encodable {
        var name: String
        var bytes: Int64
        var sha256: String
    }

    var personId: String
    var organisationIds: [String]
    var madeAt: String
    var entries: [File]

    init(subject: DataSubject, madeAt: Instant, entries: [ZipWriter.Entry]) {
        personId = subject.person.text
        organisationIds = subject.organisations.map(\.text)
        self.madeAt = madeAt.description
        self.entries = entries.map { File(name: $0.name, bytes: $0.bytes, sha256: $0.sha256) }
    }

    var bytes: [UInt8] {
        get throws {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
            encoder.keyEncodingStrategy = .convertToSnakeCase
            return Array(try encoder.encode(self))
        }
    }
}

extension Row {
    /// The row as a JSON object; columns that hold times become ISO 8601 text.
    fileprivate var exported: JSONValue {
        var members: [String: JSONValue] = [:]
        for (name, value) in zip(columns.names, values) {
            switch value {
            case .null: members[name] = .null
            case .integer(let number) where name == "at" || name.hasSuffix("_at") || name.hasSuffix("_start"):
                members[name] = .string(Instant(microseconds: number).description)
            case .integer(let number): members[name] = .integer(number)
            case .real(let number): members[name] = .number(number)
            case .text(let text): members[name] = .string(text)
            }
        }
        return .object(members)
    }
}
