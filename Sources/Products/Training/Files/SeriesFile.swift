import Forecasting
import Foundation
import Identity
import Modules

/// An uploaded time series: an input or an output of forecasts.
struct SeriesFile: Sendable {
    enum Kind: String, Sendable, Codable, CaseIterable, SQLBindable, SQLReadable { case input, output }

    let id: ID<SeriesFile>
    let organisation: ID<Organisation>
    let session: ID<TrainingSession>
    let name: String
    let kind: Kind
    /// The SHA-256 of the uploaded file, in hexadecimal.
    let digest: String
    /// The size of the uploaded file.
    let bytes: Int64
    /// The size of the imported series.
    let seriesBytes: Int64
    let settings: SeriesSettings
    /// The report of the import.
    let report: SeriesReport
    let createdAt: Instant

    /// What the file and its series take, in bytes.
    var storageBytes: Int64 { bytes + seriesBytes }

    /// The name of the series in plots and tables.
    var label: String { settings.label ?? name }

    /// The input file with the same series, or this file. A file that is uploaded as input and as output is one series,
    /// for which persistence (the last known value) is a baseline.
    func twin(among files: [SeriesFile]) -> SeriesFile {
        files.first { other in
            other.kind == .input && other.digest == digest && other.settings.importsAs(settings)
        } ?? self
    }

    /// The channel of a dataset recipe. Default horizons: -1 to 0 hours for an input, 0 to 1 hour for an output.
    func channel(at series: URL) -> DatasetRecipe.Channel {
        let fallback = SeriesSettings.defaultHorizon(kind)
        return DatasetRecipe.Channel(
            name: label,
            series: series,
            horizon: DatasetRecipe.Horizon(
                settings.horizonStart ?? fallback.start, settings.horizonEnd ?? fallback.end),
            averaging: settings.averaging == .yes,
            scaling: settings.scaling == .no
                ? nil : DatasetRecipe.Scaling(settings.scalingMinimum ?? 0, settings.scalingMaximum ?? 1)
        )
    }
}
