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
                "Upload one chunk of a file",
                requires: member.allowing(.training), entitlements.subscription, admission,
                .multipart(texts: ["metadata"], file: "chunk"),
                problems: uploadProblems
            ) { try await receive($3, isWhole: false, scope: $0, snapshot: $1, admission: $2) },
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
            ) { (request: SeriesSettings, scope, file) in try await files.change(request, scope: scope, file: file) },
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
        guard isPreview else {
            return .first(
                Created(
                    try await receive(
                        incoming, isWhole: true, scope: scope, snapshot: snapshot, admission: admission)))
        }
        if case .repeatOnly(let refusal) = admission { throw refusal }
        return .second(try await uploads.preview(incoming, scope: scope, snapshot: snapshot))
    }

    private func receive(
        _ incoming: RawBody.Incoming,
        isWhole: Bool,
        scope: Scope,
        snapshot: EntitlementSnapshot,
        admission: UploadAdmission
    ) async throws(Problem) -> ChunkReceived {
        switch admission {
        case .charge(let charge):
            try await uploads.receive(incoming, isWhole: isWhole, scope: scope, snapshot: snapshot, charge: charge)
        case .repeatOnly(let refusal):
            try await repeats.respond(
                to: incoming, isWhole: isWhole, scope: scope, limit: snapshot.plan.fileBytes.bound, refusal: refusal)
        }
    }
}
