import Entitlements
import Files
import Forecasting
import Identity
import Modules

/// The endpoints of series files: upload, in chunks or whole, list, change and delete.
struct SeriesFileRoutes: Sendable {
    let files: SeriesFileService
    let uploads: UploadService
    let repeats: UploadRepeatService
    let member: Member
    let entitlements: EntitlementsModule

    var routes: [Route] {
        let uploadProblems: [Problem.Kind] = [
            .sessionNotFound, .chunkMissing, .uploadConflict, .unusableFile, .validationFailed, .storageExceeded,
            .storageFull,
        ]
        let admission = UploadRequirement(
            quota: entitlements.quota(.uploads), repeats: repeats, member: member)
        return [
            .post(
                "training/upload-chunk",
                "Upload one chunk of a file; the last one may preview the import",
                requires: member.allowing(.training), entitlements.subscription, admission,
                .query("preview", oneOf: ["true", "false"]), .multipart(texts: ["metadata"], file: "chunk"),
                problems: uploadProblems
            ) { try await receiveChunk($4, isPreview: $3 == "true", scope: $0, snapshot: $1, admission: $2) },
            .post(
                "training/instant-upload",
                "Upload a whole file, or preview its import",
                requires: member.allowing(.training), entitlements.subscription, admission,
                .query("preview", oneOf: ["true", "false"]), .multipart(texts: ["metadata"], file: "file"),
                problems: uploadProblems
            ) { try await receiveWhole($4, isPreview: $3 == "true", scope: $0, snapshot: $1, admission: $2) }.alias(
                "training/csv-files"),
            .get(
                "training/csv-files/{id}",
                "List the files of a session",
                requires: member.allowing(.training), .path("id"),
                .query("type", oneOf: SeriesFile.Kind.allCases.map(\.rawValue)),
                problems: [.sessionNotFound]
            ) { try await files.list(scope: $0, session: $1, kind: $2) },
            .put(
                "training/csv-files/{id}",
                "Change the settings of a file",
                requires: member.allowing(.training), .path("id", of: SeriesFile.self),
                problems: [.fileNotFound, .uploadConflict]
            ) { (change: SeriesSettingsChange, scope, file) in
                try await files.change(change, scope: scope, file: file)
            },
            .delete(
                "training/csv-files/{id}",
                "Delete a file",
                requires: member.allowing(.training), .path("id", of: SeriesFile.self),
                problems: [.fileNotFound, .trainingInProgress]
            ) { try await files.delete(scope: $0, file: $1) },
        ]
    }

    private func receiveWhole(
        _ incoming: RawBody.Incoming,
        isPreview: Bool,
        scope: Scope,
        snapshot: EntitlementSnapshot,
        admission: UploadAdmission
    ) async throws(Problem) -> Either<Created<ChunkReceived>, UploadPreview> {
        switch admission {
        case .repeatOnly(let refusal) where isPreview: throw refusal
        case .charge where isPreview:
            return .second(try await uploads.preview(incoming, scope: scope, snapshot: snapshot))
        case .charge(let charge):
            return .first(
                Created(try await uploads.receive(incoming, scope: scope, snapshot: snapshot, charge: charge)))
        case .repeatOnly(let refusal):
            return .first(
                Created(
                    try await repeats.respond(
                        to: incoming, isWhole: true, scope: scope, limit: snapshot.plan.fileBytes.bound,
                        refusal: refusal)))
        }
    }

    private func receiveChunk(
        _ incoming: RawBody.Incoming,
        isPreview: Bool,
        scope: Scope,
        snapshot: EntitlementSnapshot,
        admission: UploadAdmission
    ) async throws(Problem) -> Either<ChunkReceived, UploadPreview> {
        switch admission {
        case .repeatOnly(let refusal) where isPreview: throw refusal
        case .charge(let charge):
            return try await uploads.receiveChunk(
                incoming, isPreview: isPreview, scope: scope, snapshot: snapshot, charge: charge)
        case .repeatOnly(let refusal):
            return .first(
                try await repeats.respond(
                    to: incoming, isWhole: false, scope: scope, limit: snapshot.plan.fileBytes.bound,
                    refusal: refusal))
        }
    }
}
