import Archives
import Audit
import Files
import Foundation
import Mail
import Modules
import Secrets

/// A copy of everything about a person.
struct Export: Sendable {
    let id: ID<Export>
    let person: ID<Person>
    let state: ExportView.State
    let fileName: String?
    let bytes: Int64?
    let sealedToken: String?
    let requestedAt: Instant
    let readyAt: Instant?
    let expiresAt: Instant

    /// How long a copy lies ready.
    static let lifetime: Duration = .days(7)
}

/// The verbs of exports: ask for one, look how far it is, fetch it.
struct ExportService: Sendable {
    let database: any Database
    let holdings: [PersonalDataTable]
    let files: FileStore
    let queue: JobQueue
    let mailer: Mailer
    let sealer: Sealer
    let audit: AuditService
    let address: String
    let runtime: Runtime

    static let folder = FileStore.Key("exports")
    static func key(_ fileName: String) -> FileStore.Key { FileStore.Key("exports", fileName) }

    /// Asks for a copy. While one is being made, asking again gives that one.
    func request(_ scope: Scope) async throws(Problem) -> ExportView {
        let id: ID<Export> = runtime.id()
        let export = try await database.write { [queue, audit] transaction in
            if try transaction.insertExport(id, of: scope.person) {
                try queue.enqueue(PrepareExport(export: id), JobOptions(maximumAttempts: 5), in: transaction)
                try audit.record(AuditEvent("export.requested", by: scope, subject: scope.person.text), in: transaction)
            }
            return try transaction.latestExport(of: scope.person)
        }
        return try view(export)
    }

    func view(_ scope: Scope) async throws(Problem) -> ExportView {
        try view(try await database.read { try $0.latestExport(of: scope.person) })
    }

    /// - Throws: `not-found` for a link that never was one, or whose time is over.
    func fetch(_ token: String, visitor: ClientInfo) async throws(Problem) -> Download {
        let hash = Digest.hex(token)
        let found = try await database.write { [audit] transaction -> (fileName: String, bytes: Int64)? in
            guard let export = try transaction.readyExport(tokenHash: hash), let name = export.fileName,
                let bytes = export.bytes
            else { return nil }
            try audit.record(AuditEvent("export.fetched", from: visitor, subject: export.person.text), in: transaction)
            return (name, bytes)
        }
        guard let found else { throw Problem(.notFound, detail: "This link does not lead to a copy, or not any more.") }
        return Download(
            path: files.path(of: Self.key(found.fileName)), size: found.bytes, name: "gatehouse-export.zip",
            mediaType: "application/zip")
    }

    private func view(_ export: Export?) throws(Problem) -> ExportView {
        guard let export else { return ExportView(state: .none) }
        let token = try Problem.rethrowing {
            try export.sealedToken.map { String(decoding: try sealer.open($0, context: export.id.text), as: UTF8.self) }
        }
        return ExportView(
            id: export.id,
            state: export.state,
            requestedAt: export.requestedAt,
            readyAt: export.readyAt,
            expiresAt: export.state == .ready ? export.expiresAt : nil,
            bytes: export.bytes,
            link: token.map(link)
        )
    }

    private func link(_ token: String) -> String { "\(address)/v1/user/export/\(token)" }
}

// The work behind it.
extension ExportService {
    var worker: Worker {
        Worker(PrepareExport.self) { job, context in
            let found = try await database.read { transaction -> (export: Export, subject: DataSubject)? in
                guard let export = try transaction.export(job.export), export.state == .preparing else { return nil }
                return (export, try transaction.dataSubject(export.person))
            }
            guard let (export, subject) = found else { return .done }
            // A worker that lost this job and has not heard of it must not write into what its successor writes.
            let fileName = "\(export.id.text).\(context.fence).zip"
            _ = try await files.folder(Self.folder)
            do {
                try await write(subject, to: files.path(of: Self.key(fileName)), context)
                guard let bytes = try await files.size(of: Self.key(fileName)) else {
                    throw JobFailure.retry(reason: "the copy is not there")
                }
                return try ready(export, fileName, bytes: bytes)
            } catch {
                try? await files.remove(Self.key(fileName))
                throw error
            }
        } abandoned: { job, _, transaction in
            try transaction.markExportFailed(job.export)
        }
    }

    /// The copy and the letter that tells of it become true together.
    private func ready(_ export: Export, _ fileName: String, bytes: Int64) throws -> JobOutcome {
        let token = Base64URL.encode(runtime.randomBytes(32))
        let (hash, sealed) = (Digest.hex(token), try sealer.seal(Array(token.utf8), context: export.id.text))
        let link = link(token)
        return .done { [mailer, audit] transaction in
            guard let person = try transaction.person(export.person) else { return }
            let ends = transaction.now + Export.lifetime
            try transaction.endReadyExports(of: export.person)
            try transaction.markExportReady(
                export.id, fileName: fileName, bytes: bytes, tokenHash: hash, sealedToken: sealed, expiresAt: ends)
            try audit.record(AuditEvent("export.ready", subject: export.person.text), in: transaction)
            try mailer.send(
                Email(
                    "export-ready", to: person.email,
                    values: ["name": person.fullName ?? "", "link": link, "expires": ends.description]),
                in: transaction
            )
        }
    }

    /// Writes the archive: what tables say as JSON under `data/`, files as they are under `files/`, and a manifest of all of it.
    private func write(_ subject: DataSubject, to path: String, _ context: JobContext) async throws {
        let zip = try ZipWriter(path: path)
        let now = runtime.now()
        var entries: [ZipWriter.Entry] = []
        for holding in holdings {
            guard let selection = holding.selection?(subject) else { continue }
            try context.checkCancellation()
            try await zip.begin("data/\(holding.name).json", modified: now)
            try await writeRows(selection, to: zip, context)
            entries.append(try await zip.end())
        }
        for holding in holdings {
            for key in try await database.read({ try holding.places(subject, $0) }) {
                for file in try await files.files(under: key) {
                    try context.checkCancellation()
                    // A file that was deleted meanwhile is not theirs any more.
                    if let entry = try await zip.add("files/\(file.name)", fileAt: file.path, modified: now) {
                        entries.append(entry)
                    }
                }
            }
        }
        try await zip.begin("manifest.json", modified: now)
        try await zip.write(try Manifest(subject: subject, madeAt: now, entries: entries).bytes)
        _ = try await zip.end()
        try await zip.close()
    }

    private static let rowsAtOnce = 500

    private func writeRows(_ selection: SQL, to zip: ZipWriter, _ context: JobContext) async throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        var offset = 0
        while true {
            try context.checkCancellation()
            let rows = try await database.read { [offset] in
                try $0.all(selection + " LIMIT \(Self.rowsAtOnce) OFFSET \(offset)")
            }
            let lines = try rows.map { String(decoding: try encoder.encode($0.exported), as: UTF8.self) }
            try await zip.write(
                Array(((offset == 0 ? "[\n" : lines.isEmpty ? "" : ",\n") + lines.joined(separator: ",\n")).utf8))
            offset += rows.count
            if rows.count < Self.rowsAtOnce { break }
        }
        try await zip.write(Array("\n]\n".utf8))
    }
}

/// What an archive holds, each entry with its size and SHA-256, so that whoever has it can tell whether it is whole.
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

/// Makes one export.
struct PrepareExport: Job {
    static let name = "privacy.prepare-export"
    let export: ID<Export>
}
