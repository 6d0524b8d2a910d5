import Audit
import Files
import Mail
import Modules
import Secrets

/// Requests, prepares, shows and delivers exports.
final class ExportService: Sendable {
    private let database: any Database
    private let archive: ExportArchive
    private let files: FileStore
    private let queue: JobQueue
    private let mailer: Mailer
    private let sealer: Sealer
    private let audit: AuditService
    private let address: String
    private let runtime: Runtime

    /// - Parameter address: the base URL of this service in the links of e-mails.
    init(
        database: any Database, archive: ExportArchive, files: FileStore, queue: JobQueue, mailer: Mailer,
        sealer: Sealer, audit: AuditService, address: String, runtime: Runtime
    ) {
        self.database = database
        self.archive = archive
        self.files = files
        self.queue = queue
        self.mailer = mailer
        self.sealer = sealer
        self.audit = audit
        self.address = address
        self.runtime = runtime
    }

    /// Requests an export. While one is being prepared, a repeated request returns that one. A new one replaces a ready
    /// one; it can be requested ``Export/interval`` after that.
    /// - Throws: `export-too-soon`.
    func request(_ scope: Scope) async throws(Problem) -> ExportView {
        let id: ID<Export> = runtime.id()
        let export = try await database.write { [queue, audit] transaction in
            if let latest = try transaction.latestExport(of: scope.person), latest.state == .ready,
                transaction.now < latest.requestedAt + Export.interval
            {
                throw latest.tooSoon(at: transaction.now)
            }
            if try transaction.insertExport(id, of: scope.person) {
                try queue.enqueue(ExportJob(export: id), JobOptions(maximumAttempts: 5), in: transaction)
                try audit.record(AuditEvent("export.requested", by: scope, subject: scope.person.text), in: transaction)
            }
            return try transaction.latestExport(of: scope.person)
        }
        return try view(export, for: scope)
    }

    func view(_ scope: Scope) async throws(Problem) -> ExportView {
        try view(try await database.read { try $0.latestExport(of: scope.person) }, for: scope)
    }

    /// - Throws: `not-found` for a token that is invalid or expired, and where the account's password or address was
    ///   changed since, or the account is suspended or closed.
    func fetch(_ token: String, client: ClientInfo) async throws(Problem) -> Download {
        let hash = Digest.hex(token)
        let found = try await database.write { [audit] transaction -> (fileName: String, bytes: Int64)? in
            guard let export = try transaction.readyExport(tokenHash: hash), let name = export.fileName,
                let bytes = export.bytes, let person = try transaction.person(export.person),
                export.isOpen(to: person)
            else { return nil }
            try audit.record(AuditEvent("export.fetched", from: client, subject: export.person.text), in: transaction)
            return (name, bytes)
        }
        guard let found else { throw Problem(.notFound, detail: "This link is invalid or has expired.") }
        return Download(
            path: files.path(of: Export.fileKey(found.fileName)), size: found.bytes, name: "gatehouse-export.zip",
            mediaType: "application/zip")
    }

    /// The state of an export; without its link for an administrator who acts as the person.
    private func view(_ export: Export?, for scope: Scope) throws(Problem) -> ExportView {
        guard let export else { return ExportView(state: .none) }
        let isPerson = scope.impersonator == nil
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
            link: isPerson ? token.map(link) : nil
        )
    }

    private func link(_ token: String) -> String { "\(address)/v1/user/export/\(token)" }

    /// Writes the archive of an export that is being prepared.
    /// - Returns: an outcome whose effects mark the export as ready and send its link, which ``view(_:)`` shows too.
    func prepare(_ id: ID<Export>, _ context: JobContext) async throws -> JobOutcome {
        let found = try await database.read { transaction -> (export: Export, subject: DataSubject)? in
            guard let export = try transaction.export(id), export.state == .preparing else { return nil }
            return (export, try transaction.dataSubject(export.person))
        }
        guard let (export, subject) = found else { return .done }
        // The fence is part of the name: a worker whose lease has expired must not write into its successor's file.
        let fileName = "\(export.id.text).\(context.fence).zip"
        _ = try await files.folder(Export.folder)
        do {
            try await archive.write(subject, to: files.path(of: Export.fileKey(fileName)), context)
            guard let bytes = try await files.size(of: Export.fileKey(fileName)) else {
                throw JobFailure.retry(reason: "the archive is missing")
            }
            return try ready(export, fileName, bytes: bytes)
        } catch {
            try? await files.remove(Export.fileKey(fileName))
            throw error
        }
    }

    private func ready(_ export: Export, _ fileName: String, bytes: Int64) throws -> JobOutcome {
        let token = Base64URL.encode(runtime.randomBytes(32))
        let (hash, sealed) = (Digest.hex(token), try sealer.seal(Array(token.utf8), context: export.id.text))
        let link = link(token)
        return .done { [mailer, audit] transaction in
            guard let person = try transaction.person(export.person) else { return }
            let expiry = transaction.now + Export.lifetime
            try transaction.expireReadyExports(of: export.person)
            try transaction.markExportReady(
                export.id, fileName: fileName, bytes: bytes, tokenHash: hash, sealedToken: sealed,
                accountMark: Export.mark(of: person), expiresAt: expiry)
            try audit.record(AuditEvent("export.ready", subject: export.person.text), in: transaction)
            try mailer.send(
                Email(
                    "export-ready", to: person.email,
                    values: ["name": person.fullName ?? "", "link": link, "expires": expiry.description]),
                ifVerified: person, in: transaction
            )
        }
    }
}
