import Entitlements
import Files
import Forecasting
import Identity
import Modules

extension TrainingModule {
    /// Files: sent in chunks or at once, listed, changed, deleted.
    var fileRoutes: [Route] {
        let uploadProblems: [Problem.Kind] = [
            .sessionNotFound, .chunkMissing, .uploadConflict, .unusableFile, .validationFailed, .storageExceeded,
            .storageFull,
        ]
        let allowance = UploadRequirement(
            quota: entitlements.quota(.uploads), uploads: uploads, member: identity.member)
        return [
            .post(
                "training/upload-chunk",
                "Send one chunk of a file",
                requires: identity.member.allowing(.training), entitlements.subscription, allowance,
                .multipart(texts: ["metadata"], file: "chunk"),
                problems: uploadProblems
            ) { try await uploads.receive($3, isWhole: false, scope: $0, standing: $1, allowance: $2) },
            .post(
                "training/instant-upload",
                "Send a file at once",
                requires: identity.member.allowing(.training), entitlements.subscription, allowance,
                .multipart(texts: ["metadata"], file: "file"),
                problems: uploadProblems
            ) { Created(try await uploads.receive($3, isWhole: true, scope: $0, standing: $1, allowance: $2)) }.alias(
                "training/csv-files"),
            .get(
                "training/csv-files/{id}",
                "The files of a session",
                requires: identity.member.allowing(.training), .path("id"),
                .query("type", oneOf: SeriesFile.Kind.allCases.map(\.rawValue)),
                problems: [.sessionNotFound]
            ) { try await files.list(scope: $0, session: $1, kind: $2) },
            .put(
                "training/csv-files/{id}",
                "Change how a file is used",
                requires: identity.member.allowing(.training), .path("id", of: SeriesFile.self),
                problems: [.fileNotFound, .uploadConflict]
            ) { (request: SeriesSettings, scope, file) in try await files.change(request, scope: scope, file: file) },
            .delete(
                "training/csv-files/{id}",
                "Delete a file",
                requires: identity.member.allowing(.training), .path("id", of: SeriesFile.self),
                problems: [.fileNotFound, .trainingInProgress]
            ) { try await files.delete(scope: $0, file: $1) },
        ]
    }
}

/// How far an upload is, and the file once it is complete.
struct ChunkReceived: Payload {
    var success = true
    var message: String
    var receivedChunks: Int64
    var totalChunks: Int64
    var file: SeriesFileView?

    static let naming = Naming.asDeclared

    init(message: String, receivedChunks: Int64, totalChunks: Int64) {
        self.message = message
        self.receivedChunks = receivedChunks
        self.totalChunks = totalChunks
    }

    /// All that there is of a file has come.
    init(_ file: SeriesFile, message: String, chunks: Int64 = 1) {
        self.init(message: message, receivedChunks: chunks, totalChunks: chunks)
        self.file = SeriesFileView(file)
    }

    /// All of it had come before.
    init(repeated file: SeriesFile, chunks: Int64) {
        self.init(file, message: "The file is complete already", chunks: chunks)
    }
}

struct SeriesFileList: Payload {
    var files: [SeriesFileView]

    static let naming = Naming.asDeclared
}

/// A file with the figures of its series, named as the clients' own table names them.
struct SeriesFileView: Payload {
    var id: ID<SeriesFile>
    var fileName: String
    var kind: SeriesFile.Kind
    var label: String
    var bytes: Int64
    var settings: SeriesSettings
    var utcMin: Instant
    var utcMax: Instant
    var min: Double
    var max: Double
    var datenpunkte: Int
    var numerischeDatenpunkte: Int
    /// In per cent.
    var numerischerAnteil: Double
    /// In minutes: the mean, and the smallest.
    var zeitschrittweiteMean: Double
    var zeitschrittweiteMin: Double
    /// Minutes past the hour, or nil where it varies.
    var offset: Double?
    var importReport: ImportView
    var createdAt: Instant

    enum CodingKeys: String, CodingKey {
        case id, fileName
        case kind = "type"
        case label = "bezeichnung"
        case bytes, settings, utcMin, utcMax, min, max, datenpunkte, numerischeDatenpunkte, numerischerAnteil,
            zeitschrittweiteMean, zeitschrittweiteMin, offset
        case importReport = "import"
        case createdAt
    }

    static let naming = Naming.asDeclared

    init(_ file: SeriesFile) {
        let statistics = file.report.statistics
        id = file.id
        fileName = file.name
        kind = file.kind
        label = file.label
        bytes = file.bytes
        settings = file.settings
        utcMin = Instant(microseconds: statistics.first)
        utcMax = Instant(microseconds: statistics.last)
        min = statistics.minimum
        max = statistics.maximum
        datenpunkte = file.report.rowsRead
        numerischeDatenpunkte = file.report.numericCount
        numerischerAnteil = file.report.numericShare
        zeitschrittweiteMean = statistics.meanStepMinutes
        zeitschrittweiteMin = statistics.minimumStepMinutes
        offset = statistics.offsetMinutes
        importReport = ImportView(file.report)
        createdAt = file.createdAt
    }
}
