import Forecasting
import Identity
import Modules

/// The progress of an upload, and the file once the upload is complete.
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

    /// The upload is complete.
    init(_ file: SeriesFile, message: String, chunks: Int64 = 1) {
        self.init(message: message, receivedChunks: chunks, totalChunks: chunks)
        self.file = SeriesFileView(file)
    }

    /// The upload was completed by an earlier request.
    init(repeated file: SeriesFile, chunks: Int64) {
        self.init(file, message: "The file is complete already", chunks: chunks)
    }
}

struct SeriesFileList: Payload {
    var files: [SeriesFileView]

    static let naming = Naming.asDeclared

    var listTotal: Int64? { Int64(files.count) }
}

/// A stored file: its id and its time of creation with the members of ``SeriesPreview``, in one object.
struct SeriesFileView: Payload {
    var id: ID<SeriesFile>
    var series: SeriesPreview
    var createdAt: Instant

    private enum CodingKeys: String, CodingKey { case id, createdAt }

    static let naming = Naming.asDeclared

    init(_ file: SeriesFile) {
        id = file.id
        series = SeriesPreview(file)
        createdAt = file.createdAt
    }

    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        id = try container.decode(ID<SeriesFile>.self, forKey: .id)
        series = try SeriesPreview(from: decoder)
        createdAt = try container.decode(Instant.self, forKey: .createdAt)
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(id, forKey: .id)
        try series.encode(to: encoder)
        try container.encode(createdAt, forKey: .createdAt)
    }
}

/// What an upload of a file would give. Nothing is stored.
struct UploadPreview: Payload {
    var success = true
    var message = "This is a preview: the file is not stored"
    var file: SeriesPreview

    static let naming = Naming.asDeclared

    init(_ file: SeriesFile) { self.file = SeriesPreview(file) }
}

/// A file with the statistics of its series; the German member names are part of the API.
struct SeriesPreview: Payload {
    var fileName: String
    var kind: SeriesFile.Kind
    var label: String
    var bytes: Int64
    var settings: SeriesSettings
    var utcMin: Instant
    var utcMax: Instant
    var min: Double
    var max: Double
    /// The number of samples: rows that are skipped, or that repeat a time, do not count.
    var datenpunkte: Int
    var numerischeDatenpunkte: Int
    /// The percentage of rows with a numeric value.
    var numerischerAnteil: Double
    /// The mean and the smallest step, in minutes.
    var zeitschrittweiteMean: Double
    var zeitschrittweiteMin: Double
    /// Minutes past the hour; nil where they vary.
    var offset: Double?
    var importReport: ImportView

    enum CodingKeys: String, CodingKey {
        case fileName
        case kind = "type"
        case label = "bezeichnung"
        case bytes, settings, utcMin, utcMax, min, max, datenpunkte, numerischeDatenpunkte, numerischerAnteil,
            zeitschrittweiteMean, zeitschrittweiteMin, offset
        case importReport = "import"
    }

    static let naming = Naming.asDeclared

    init(_ file: SeriesFile) {
        let statistics = file.report.statistics
        fileName = file.name
        kind = file.kind
        label = file.label
        bytes = file.bytes
        settings = file.settings
        utcMin = Instant(microseconds: statistics.first)
        utcMax = Instant(microseconds: statistics.last)
        min = statistics.minimum
        max = statistics.maximum
        datenpunkte = statistics.count
        numerischeDatenpunkte = statistics.count
        numerischerAnteil = file.report.numericShare
        zeitschrittweiteMean = statistics.meanStepMinutes
        zeitschrittweiteMin = statistics.minimumStepMinutes
        offset = statistics.offsetMinutes
        importReport = ImportView(file.report)
    }
}
