import Audit
import Files
import Identity
import Modules
import NIOCore
import Secrets

/// Stores uploaded files, and serves them by their addresses.
final class FileService: Sendable {
    private let database: any Database
    private let files: FileStore
    private let audit: AuditService
    private let runtime: Runtime
    /// Signs the addresses of private files.
    private let key: [UInt8]

    init(database: any Database, files: FileStore, audit: AuditService, key: [UInt8], runtime: Runtime) {
        self.database = database
        self.files = files
        self.audit = audit
        self.key = key
        self.runtime = runtime
    }

    /// Stores the file part of a form.
    /// - Throws: `invalid-payload`, `payload-too-large`; `unsupported-media-type`; `too-many` where the files of the
    ///   organisation have ``StoredFile/organisationBytesMax``; `storage-full`.
    func upload(_ incoming: RawBody.Incoming, isPrivate: Bool, scope: Scope) async throws(Problem) -> FileUploaded {
        let id: ID<StoredFile> = runtime.id()
        let stored = try await Problem.catching { try await self.write(incoming, as: id) }
        do throws(Problem) {
            return try await insert(id, stored, isPrivate: isPrivate, scope: scope)
        } catch {
            try? await files.remove(StoredFile.key(id))
            throw error
        }
    }

    private struct Received: Sendable {
        let name: String
        let mediaType: String
        let bytes: Int64
    }

    private func write(_ incoming: RawBody.Incoming, as id: ID<StoredFile>) async throws -> Received {
        var form = try MultipartReader(
            contentType: incoming.contentType, body: incoming.body,
            limits: MultipartReader.Limits(totalBytes: StoredFile.bytesMax + (64 << 10)))
        while let part = try await form.next() {
            guard let name = part.filename, !name.isEmpty else { continue }
            let mediaType = (part.contentType ?? "").prefix { $0 != ";" }.lowercased().trimmed
            guard StoredFile.mediaTypes.contains(mediaType) else {
                throw Problem(
                    .unsupportedMediaType,
                    detail: "Send one of \(StoredFile.mediaTypes.sorted().joined(separator: ", ")).")
            }
            var content: [UInt8] = []
            while let chunk = try await form.read() {
                guard content.count + chunk.readableBytes <= StoredFile.bytesMax else {
                    throw Problem.payloadTooLarge(limit: StoredFile.bytesMax)
                }
                content += chunk.readableBytesView
            }
            var rest: [UInt8]? = content
            let bytes = try await files.write(StoredFile.key(id), at: 0) {
                defer { rest = nil }
                return rest
            }
            return Received(name: String(name.prefix(200)), mediaType: mediaType, bytes: bytes)
        }
        throw Problem(.invalidPayload, detail: "The form has no file.")
    }

    private func insert(
        _ id: ID<StoredFile>, _ received: Received, isPrivate: Bool, scope: Scope
    ) async throws(Problem) -> FileUploaded {
        let file = try await database.write { [audit] transaction in
            try transaction.requireMarketplaceCaller(scope)
            guard
                try transaction.storedBytes(of: scope.organisation) + received.bytes
                    <= StoredFile.organisationBytesMax
            else { throw Problem(.tooMany, detail: "The files of the organisation have 1 GiB.") }
            try transaction.execute(
                """
                INSERT INTO marketplace_files (
                    id, organisation_id, person_id, name, media_type, bytes, is_private, created_at)
                VALUES (\(id), \(scope.organisation), \(scope.person), \(received.name), \(received.mediaType),
                        \(received.bytes), \(isPrivate), \(transaction.now))
                """
            )
            try audit.record(
                AuditEvent("file.uploaded", by: scope, subject: id.text, details: ["bytes": "\(received.bytes)"]),
                in: transaction)
            return try transaction.storedFile(id, of: scope.organisation)
        }
        guard let file else { throw Problem(.internalError) }
        return FileUploaded(file)
    }

    /// An address of a private file of the organisation.
    /// - Throws: `not-found`.
    func signedAddress(_ request: SignedAddressRequest, scope: Scope) async throws(Problem) -> SignedAddress {
        let file = try await database.read { try $0.storedFile(request.fileId, of: scope.organisation) }
        guard let file else { throw Problem(.notFound) }
        let expiry = runtime.now() + .seconds(request.expiresIn ?? 3_600)
        let seconds = expiry.microseconds / 1_000_000
        return SignedAddress(
            success: true, signedUrl: "\(file.path)?expires=\(seconds)&signature=\(signature(of: file.id, seconds))",
            expiresAt: Instant(seconds: seconds))
    }

    /// The file of an address.
    /// - Throws: `not-found`, also for a signature that is wrong or has ended.
    func download(_ id: ID<StoredFile>, expires: Int?, signature: String?) async throws(Problem) -> Download {
        let found = try await database.read { try $0.storedFile(id) }
        guard let file = found else { throw Problem(.notFound) }
        if file.isPrivate {
            guard let expires, let signature, Int64(expires) > runtime.now().microseconds / 1_000_000,
                constantTimeEquals(Array(signature.utf8), Array(self.signature(of: id, Int64(expires)).utf8))
            else { throw Problem(.notFound) }
        }
        return Download(
            path: files.path(of: StoredFile.key(id)), size: file.bytes, name: file.name, mediaType: file.mediaType)
    }

    /// Deletes a file of the organisation.
    /// - Throws: `not-found`; `not-the-owner`.
    func delete(_ id: ID<StoredFile>, scope: Scope) async throws(Problem) -> ResourceDeleted {
        try await database.write { [audit] transaction in
            let isAdministrator = try transaction.requireMarketplaceCaller(scope)
            guard let file = try transaction.storedFile(id) else { throw Problem(.notFound) }
            guard isAdministrator || file.organisation == scope.organisation else { throw Problem(.notTheOwner) }
            try transaction.execute("DELETE FROM marketplace_files WHERE id = \(id)")
            try audit.record(
                AuditEvent("file.deleted", by: scope, in: file.organisation, subject: id.text), in: transaction)
        }
        try await Problem.catching { try await files.remove(StoredFile.key(id)) }
        return ResourceDeleted(id.text)
    }

    private func signature(of id: ID<StoredFile>, _ seconds: Int64) -> String {
        Base64URL.encode(MessageAuthentication.code(Array("\(id.text) \(seconds)".utf8), key: key))
    }
}

/// The SQL of files.
extension Transaction {
    func storedFile(_ id: ID<StoredFile>, of organisation: ID<Organisation>) throws -> StoredFile? {
        try first(
            "SELECT * FROM marketplace_files WHERE id = \(id) AND organisation_id = \(organisation)", StoredFile.init)
    }

    /// A file of any organisation, for a reader who has its address.
    func storedFile(_ id: ID<StoredFile>) throws -> StoredFile? {
        try first("SELECT * FROM marketplace_files WHERE id = \(id)", StoredFile.init)
    }

    func storedBytes(of organisation: ID<Organisation>) throws -> Int64 {
        try first(
            "SELECT COALESCE(SUM(bytes), 0) AS bytes FROM marketplace_files WHERE organisation_id = \(organisation)"
        ) { try $0["bytes"] } ?? 0
    }

    /// - Throws: `validation-failed` for an address that is none of a file of the organisation.
    func requireOwnFile(_ address: String, of organisation: ID<Organisation>, at pointer: String) throws {
        let path = address.prefix { $0 != "?" }
        guard path.hasPrefix(StoredFile.pathPrefix),
            let id = ID<StoredFile>(String(path.dropFirst(StoredFile.pathPrefix.count))),
            try storedFile(id, of: organisation) != nil
        else { throw Problem.invalid(pointer, "must be the address of a file that your organisation has uploaded") }
    }
}
