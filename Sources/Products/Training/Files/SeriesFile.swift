import Forecasting
import Foundation
import Identity
import Modules

/// A time series that a customer brought, as an input or an output of forecasts.
struct SeriesFile: Sendable {
    enum Kind: String, Sendable, Codable, CaseIterable, SQLBindable, SQLReadable { case input, output }

    let id: ID<SeriesFile>
    let organisation: ID<Organisation>
    let session: ID<TrainingSession>
    let name: String
    let kind: Kind
    /// SHA-256 of the file as it was sent.
    let digest: String
    let bytes: Int64
    let settings: SeriesSettings
    /// What import found and did.
    let report: SeriesReport
    let createdAt: Instant

    /// What it is called in plots and tables.
    var label: String { settings.label ?? name }

    /// The input that is the same series: a file sent once as input and once as output is one series, whose last known value can be carried on.
    func twin(among files: [SeriesFile]) -> SeriesFile {
        files.first { other in
            other.kind == .input && other.digest == digest && other.settings.timeColumn == settings.timeColumn
                && other.settings.valueColumn == settings.valueColumn && other.settings.timeZone == settings.timeZone
        } ?? self
    }

    /// As datasets take it. The horizons that nobody set are the hour before, and the hour after.
    func channel(at series: URL) -> DatasetRecipe.Channel {
        let fallback = kind == .input ? (-1.0, 0.0) : (0.0, 1.0)
        return DatasetRecipe.Channel(
            name: label,
            series: series,
            horizon: DatasetRecipe.Horizon(settings.horizonStart ?? fallback.0, settings.horizonEnd ?? fallback.1),
            averaging: settings.averaging == .yes,
            scaling: settings.scaling == .no
                ? nil : DatasetRecipe.Scaling(settings.scalingMinimum ?? 0, settings.scalingMaximum ?? 1)
        )
    }
}

/// How a file is to be used, in the words of its clients.
struct SeriesSettings: Payload, Hashable {
    var kind: SeriesFile.Kind?
    var label: String?
    /// In hours from the reference time.
    var horizonStart: Double?
    var horizonEnd: Double?
    var averaging: YesNo?
    var scaling: YesNo?
    var scalingMinimum: Double?
    var scalingMaximum: Double?
    /// Which columns hold the time and the value, by name; found by themselves unless given.
    var timeColumn: String?
    var valueColumn: String?
    /// The zone of stamps that do not say theirs; UTC unless given.
    var timeZone: String?

    enum CodingKeys: String, CodingKey {
        case kind = "type"
        case label = "bezeichnung"
        case horizonStart = "zeithorizontStart"
        case horizonEnd = "zeithorizontEnd"
        case averaging = "mittelwertbildungUberDenZeithorizont"
        case scaling = "skalierung"
        case scalingMinimum = "skalierungMin"
        case scalingMaximum = "skalierungMax"
        case timeColumn, valueColumn
        case timeZone = "zeitzone"
    }

    static let naming = Naming.asDeclared
    static let rules: [String: Rule] = [
        "bezeichnung": .length(1...255), "zeithorizontStart": .numbers(-87_660...87_660),
        "zeithorizontEnd": .numbers(-87_660...87_660),
        "timeColumn": .length(1...255), "valueColumn": .length(1...255), "zeitzone": .length(1...64),
    ]

    /// What `other` says, and where it says nothing, what this says.
    func changed(by other: SeriesSettings) -> SeriesSettings {
        SeriesSettings(
            kind: other.kind ?? kind,
            label: other.label ?? label,
            horizonStart: other.horizonStart ?? horizonStart,
            horizonEnd: other.horizonEnd ?? horizonEnd,
            averaging: other.averaging ?? averaging,
            scaling: other.scaling ?? scaling,
            scalingMinimum: other.scalingMinimum ?? scalingMinimum,
            scalingMaximum: other.scalingMaximum ?? scalingMaximum,
            timeColumn: other.timeColumn ?? timeColumn,
            valueColumn: other.valueColumn ?? valueColumn,
            timeZone: other.timeZone ?? timeZone
        )
    }

    /// What was read from the file stays as it was read.
    /// - Throws: `validation-failed` where settings of the import differ from those that the file was imported with.
    func checkSameImport(as imported: SeriesSettings) throws(Problem) {
        let pairs = [
            ("timeColumn", timeColumn, imported.timeColumn), ("valueColumn", valueColumn, imported.valueColumn),
            ("zeitzone", timeZone, imported.timeZone),
        ]
        for (name, wanted, present) in pairs where wanted != present {
            throw Problem.invalid("/\(name)", "is settled when a file is sent: delete the file and send it again")
        }
    }

    /// - Throws: `validation-failed` where two settings contradict each other.
    func check() throws(Problem) {
        if let start = horizonStart, let end = horizonEnd, start > end {
            throw Problem.invalid("/zeithorizontEnd", "must not lie before zeithorizontStart")
        }
        if let low = scalingMinimum, let high = scalingMaximum, low >= high {
            throw Problem.invalid("/skalierungMax", "must be larger than skalierungMin")
        }
    }
}
